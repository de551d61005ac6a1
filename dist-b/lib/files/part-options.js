export {};
//# sourceMappingURL=part-options.js.map