import { foldName } from '../../files/disk/names.js'

/**
 * Names of files and folders that programs run, or take commands, keys or settings from, wherever they are; the worst
 * first: by what lets somebody in, by what runs at the next login, later, when something else is used. A name that ends
 * in `*` stands for all that begin so.
 */
const DELICATE = [
  'authorized_keys authorized_keys2 .rhosts .shosts .pam_environment .forward',
  '.bash* .zsh* .ksh* .csh* .tcsh* .mksh* .fish* .profile .login .logout .cshrc .kshrc .shrc .inputrc .env .envrc',
  '.xinitrc .xprofile .xsession* .xserverrc .ssh systemd autostart environment.d cron* .crontab dbus-1 fish',
  'launchagents launchdaemons startup profile.ps1 microsoft.powershell_profile.ps1 autoexec.bat autorun.inf',
  '.git .gitconfig .gitmodules .gitattributes .githooks .husky .hg .hgrc .svn .direnv .vimrc .gvimrc .exrc .nvimrc .vim',
  '.emacs .emacs.d .nanorc .tmux.conf .screenrc .gdbinit .lldbinit .pythonrc* .pystartup .irbrc .rprofile .octaverc',
  '.psqlrc .sqliterc .curlrc .wgetrc .mailcap .muttrc .xmodmap* .xresources .xdefaults .htaccess .user.ini desktop.ini',
  '.gnupg .aws .azure .kube .docker .gcloud .npmrc .yarnrc .yarnrc.yml .netrc .pypirc .gemrc .cargo .m2 .gradle',
  '.pgpass .my.cnf .password-store .config .local .vscode .idea .mozilla .thunderbird',
]

const RANKS = new Map<string, number>()
const BEGINNINGS: [beginning: string, rank: number][] = []
for (const [rank, line] of DELICATE.entries())
  for (const name of line.split(' '))
    if (name.endsWith('*')) BEGINNINGS.push([name.slice(0, -1), rank])
    else RANKS.set(name, rank)

/** In whatever case, and with dots at its end: some disks make no difference. */
function rankOf(name: string): number | undefined {
  const folded = (/^[ -~]*$/.test(name) ? name.toLowerCase() : foldName(name)).replace(/[. ]+$/, '')
  return RANKS.get(folded) ?? BEGINNINGS.find(([beginning]) => folded.startsWith(beginning))?.[1]
}

/** The most delicate ones of many paths, and how many there are. */
export class DelicatePaths {
  readonly #most: number
  /** Sorted, the worst first. */
  readonly #worst: { path: string; rank: number }[] = []
  count = 0

  constructor(most: number) {
    this.#most = most
  }

  get paths(): string[] {
    return this.#worst.map(({ path }) => path)
  }

  add(path: string): void {
    const names = path.split('/')
    let rank: number | undefined
    for (const name of names) {
      const found = rankOf(name)
      if (found !== undefined && (rank === undefined || found < rank)) rank = found
    }
    if (rank === undefined) return
    this.count++
    // one of two in the same rank is the worse that lies higher: a home folder is what files arrive in, not far below
    const found = { path, rank: rank + names.length / 1000 }
    const at = this.#worst.findIndex((other) => other.rank > found.rank)
    this.#worst.splice(at === -1 ? this.#worst.length : at, 0, found)
    if (this.#worst.length > this.#most) this.#worst.pop()
  }
}
