import { ProgressView } from '../../lib/cli/ui/live/progress.js'
import { Screen } from '../../lib/cli/ui/live/screen.js'

// Two transfers that run, always as far as this, until a key is pressed.

let now = 0
const screen = new Screen(process.stderr, false, () => now)
const views = ['photos/2024/a party with a very long name, so that it does not fit.jpg', 'video.mp4'].map(
  (path, n) => {
    const view = new ProgressView(() => now)
    now += 2000
    const [totalBytes, rate] = [7_230_000_000, 250_000_000]
    const bytes = totalBytes / (4 + n)
    const current = { path, bytes: 1e9, size: 2.5e9 }
    const left = totalBytes - bytes
    const eta = left / (rate / 1000)
    const counts = { files: 3, totalFiles: 7, others: 1, totalOthers: 3 }
    view.update({ ...counts, bytes, totalBytes, resumedBytes: 0, left, rate, eta, current })
    return view
  },
)
screen.line('what was said before, long enough for two rows of a terminal that is narrow')
for (const view of views) screen.show(view, (columns, others) => view.lines(columns, others))
process.stdin.setRawMode(true).once('data', () => {
  screen.line('warning: what is said meanwhile stands above')
  for (const view of views) screen.over(view)
  screen.line('done')
  process.stdin.pause()
})
