export {};
//# sourceMappingURL=wire-stage.js.map