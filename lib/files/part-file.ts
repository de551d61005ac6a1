export class PartFile {}
