export { readableConformance } from './readable-conformance.js';
export { transformConformance } from './transform-conformance.js';
export { wireStageConformance } from './wire-conformance.js';
export { writableConformance } from './writable-conformance.js';
//# sourceMappingURL=conformance.js.map