import test from 'ava';
/** Runs a conformance suite as tests of ava, one for each case. */
export function conforms(subject, cases) {
    for (const { name, run } of cases)
        test.serial(`${subject}: ${name}`, (t) => t.notThrowsAsync(run));
}
//# sourceMappingURL=conforms.js.map