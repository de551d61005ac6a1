import { simplestForm } from '../../../files/own/reserved.js'

/**
 * Names of files and folders that programs run, or take commands, keys or settings from, wherever they are: by what
 * they do, the worst first, and the worst first in each kind. A `*` at the beginning or the end stands for anything;
 * `folder/name` is that name in that folder. In lower case, as {@link simplestForm} has them.
 */
const KINDS = {
  'lets somebody in': [
    '.ssh/authorized_keys* authorized_keys* authorized_principals* .ssh/rc .ssh/environment .ssh/config sshd_config*',
    'etc/passwd etc/shadow etc/sudoers etc/group etc/gshadow sudoers sudoers.d sudoers* doas.conf polkit-1 pam.d pam.conf',
    '.pam_environment etc/security .rhosts .shosts hosts.equiv shosts.equiv .klogin .k5login .k5users .k5identity',
    '.google_authenticator .yubico u2f_keys .xauthority .vnc .ssh etc/ssh',
  ],
  'runs when somebody logs in, or when the machine starts': [
    // shells
    '.bash_profile .bash_login .bashrc .profile .bash_aliases .bash_logout .zshenv .zprofile .zshrc .zlogin .zlogout',
    '.config/fish config.fish .login .cshrc .tcshrc .kshrc .mkshrc .env .envrc .environment .inputrc',
    'profile.d etc/profile etc/environment etc/bash.bashrc etc/bashrc etc/zsh *profile.ps1 windowspowershell',
    '.bash* .zsh* .zprezto* .zim* .zplug .zinit .antigen* .oh-my-* .p10k.zsh .fzf* .ksh* .mksh*',
    '.csh* .tcsh* .fish* .xonsh* .elvish .nu .yash* .shrc .shinit .profile.*',
    '.login.* .login_conf* .logout .env.local .editrc .powershell* .dotfiles',
    // desktops
    '.xsessionrc .xprofile .xinitrc .xinit* .xsession* .xserverrc .xclients* .xinputrc .xbindkeysrc* .xmodmap*',
    '.xresources* .xdefaults* .config/autostart autostart autostart-scripts .config/systemd .config/environment.d',
    'plasma-workspace .kde* .gnome* .dmrc .fluxbox .icewm .openbox .fvwm* .i3 .config/i3 .sway .config/sway .config/hypr',
    '.awesome .xmonad .bspwm .config/bspwm .sxhkd .screenlayout .e16 .fehbg .hammerspoon .yabairc .skhdrc .phoenix.js',
    // the system
    'systemd environment.d dbus-1 .dbus init.d rc.local rc.d etc/rc* etc/inittab udev modprobe.d tmpfiles.d etc/fstab',
    'ld.so.preload ld.so.conf* grub.d initramfs-tools update-motd.d if-up.d dispatcher.d xorg.conf*',
    'launchagents launchdaemons startupitems loginhook com.apple.loginitems* com.apple.loginwindow* startup',
    'autoexec.bat autorun.inf win.ini ntuser.* system32 syswow64',
  ],
  'runs by itself: when mail comes, or at a time': [
    '.forward* .procmail* .qmail* .mailfilter* .maildrop* .sieve .dovecot.sieve .vacation* .fetchmailrc .getmail',
    'crontabs crontab cron.d crontab* .crontab* cron.* anacrontab at.allow at.deny periodic.conf logrotate.d',
    'logrotate.conf',
  ],
  'runs when something else is used': [
    // version control, and what runs what was pushed
    '.git/hooks .git/config .gitconfig .config/git .git-* .gitconfig* .githooks .husky .gitmodules .gitattributes .git',
    'lefthook.* .lefthook.* .overcommit.yml .pre-commit-config.yaml .hg/hgrc .hgrc .hg .svn _svn .subversion .bzr',
    '.bazaar .cvsrc .jj .p4config .p4enviro _fossil',
    '.github/workflows .github .gitlab .gitlab-ci.yml .gitea .forgejo .travis.yml .circleci .drone.yml .buildkite',
    '.cirrus.yml .woodpecker* .devcontainer* .gitpod.yml jenkinsfile azure-pipelines.yml bitbucket-pipelines.yml',
    // what enters a folder, and chooses versions there
    '.direnv .config/direnv .autoenv* .mise.toml mise.toml .rtx.toml .tool-versions .rvmrc',
    // editors
    '.vscode/tasks.json .vscode/settings.json .vscode/launch.json .vimrc .config/nvim .emacs .emacs.d .config/emacs',
    '.vim* _vim* .gvim* _gvimrc .exrc _exrc .nvim* .ideavimrc .lvimrc .emacs* _emacs* .spacemacs* .doom.d',
    '.dir-locals* .nanorc .jed* .joe* .kak* .helix .ycm_extra_conf.py .vscode* .vs .cursor .zed .idea .fleet',
    // on a terminal
    '.tmux.conf .tmux* .screenrc .wezterm* .alacritty* .hyper.js .iterm2* .byobu .less .lesskey .lessfilter .mail.rc',
    '.mailrc .nailrc .mailcap .mutt* .neomutt* .mbsyncrc .msmtprc .offlineimap* .notmuch* .urlview .newsboat .ncmpcpp',
    '.elinks .lynx* .w3m .curlrc .wgetrc .aria2 .lftp* .mc .ranger .vifm* .ctags* .terminfo .dircolors .dir_colors',
    '.gtkrc* .irssi .weechat .mpv .mplayer .abcde.conf .xscreensaver',
    // interpreters, debuggers, databases
    '.python* .pystartup .pdbrc* .ipython .jupyter .pydistutils.cfg sitecustomize.py usercustomize.py *.pth .irb* .pry*',
    '.byebugrc .gdb* .lldb* .perldb .re.pl .ghci .ghc .ocamlinit .utop .guile .sbclrc .clisprc* .eclrc .ccl-init.lisp',
    '.swipl* .rprofile .renviron .octaverc .julia .juliarc.jl .matlab .maxima .gnuplot .iex.exs .erlang .tclshrc .wishrc',
    '.noderc .jshellrc .psysh* .psqlrc .sqliterc .duckdbrc .mongorc* .mongoshrc* .my.cnf .cqlshrc',
    '.rspec .guardfile .solargraph.yml .flake8 .mypy.ini .pm2',
    // web servers and folders that are opened
    '.htaccess .user.ini web.config desktop.ini *.scf *.library-ms',
    // whatever else programs keep there
    '.local/bin .local/share .local .config .cache/p10k-* .var/app .wine',
  ],
  'has keys or passwords, or says where packages and programs come from': [
    '.netrc _netrc .npmrc .yarnrc .pypirc .kube/config .docker/config.json .aws/credentials .aws/config .git-credentials',
    '.gnupg .password-store .authinfo* .pgpass .mylogin.cnf .aws .azure .gcloud .boto .s3cfg .rclone.conf .kube',
    '.kubectl_aliases .minikube .k9s .krew .helm .docker .dockercfg .smbcredentials .pki',
    '.terraformrc .terraform.d .ansible* ansible.cfg .vagrant.d .yarn* .pnpm* .pnpmfile.cjs .nvm .volta .bun* .deno',
    '.cargo .rustup .m2 .mvn .gradle .ivy2 .sbt .lein .nuget nuget.config .pip .conda* .mamba* .pyenv .asdf*',
    '.gem* .bundle .rbenv .rvm .jenv .nodenv .goenv .phpbrew .ghcup .elan .swiftpm .cocoapods .sdkman .nix-* .nixpkgs',
    '.brew* .cpan* .luarocks .opam .cabal .stack .composer .makepkg.conf .pacman.conf .rpmmacros .apt .dpkg.cfg',
    '.devscripts .dput.cf .gbp.conf .debmirror.conf .mk-sbuild.rc etc/apt etc/hosts etc/resolv.conf etc/nsswitch.conf',
    'sources.list* yum.repos.d trusted.gpg* .bazelrc .buckconfig .conan* .ccache .mozilla .thunderbird',
  ],
}

/** In the top folder, which may be somebody's home, a hidden name that ends like the settings of a program. */
const SETTINGS = /^\..*(?:rc|profile|login|logout|env|init|aliases)(?:\.[^.]+)?$/s
const OF_SETTINGS: keyof typeof KINDS = 'runs when something else is used'

/** What Windows may take for any longer name: its short form. */
const SHORT_NAME = /^[^.~]{1,6}~\d+(?:\.[^.]{1,3})?$/s

/** One pattern of the list. */
interface Pattern {
  /** Without the `*`. */
  text: string
  /** The folder that it must be in. */
  folder: string | undefined
  /** Its place in the list. */
  rank: number
}

const WHOLE = new Map<string, Pattern[]>()
/** By their first character, or their last one, so that few are looked at: there may be millions of names. */
const BEGINNINGS = new Map<string, Pattern[]>()
const ENDINGS = new Map<string, Pattern[]>()
let count = 0
let settingsRank = 0
for (const [kind, lines] of Object.entries(KINDS)) {
  for (const pattern of lines.join(' ').split(' ')) {
    const [name, folder] = pattern.split('/').reverse() as [string, string?]
    const one = { text: name.replace('*', ''), folder, rank: count++ }
    if (name.startsWith('*')) add(ENDINGS, name.at(-1)!, one)
    else add(name.endsWith('*') ? BEGINNINGS : WHOLE, name.endsWith('*') ? name[0]! : name, one)
  }
  if (kind === OF_SETTINGS) settingsRank = count++
}
const SHORT_NAME_RANK = count

function add(to: Map<string, Pattern[]>, key: string, pattern: Pattern): void {
  const there = to.get(key)
  if (there) there.push(pattern)
  else to.set(key, [pattern])
}

/**
 * The rank of a name, in whatever spelling that some disk takes for one of the list; Infinity where nothing is known of
 * it.
 * @param folder the name of the folder that it is in; both in their simplest form
 */
function rankOf(name: string, folder: string | undefined): number {
  const fits = (pattern: Pattern) => pattern.folder === undefined || pattern.folder === folder
  const whole = WHOLE.get(name)?.find(fits)
  const beginning = BEGINNINGS.get(name[0]!)?.find((one) => name.startsWith(one.text) && fits(one))
  const ending = ENDINGS.get(name.at(-1)!)?.find((one) => name.endsWith(one.text))
  const { POSITIVE_INFINITY: none } = Number
  return Math.min(
    whole?.rank ?? none,
    beginning?.rank ?? none,
    ending?.rank ?? none,
    folder === undefined && SETTINGS.test(name) ? settingsRank : none,
    SHORT_NAME.test(name) ? SHORT_NAME_RANK : none,
  )
}

/** A folder: its path, its name in its simplest form, how deep it is, and the worst rank of all names in its path. */
interface Folder {
  path: string
  name: string | undefined
  depth: number
  rank: number
}

function folderAt(path: string): Folder {
  const folder: Folder = { path, name: undefined, depth: 0, rank: Number.POSITIVE_INFINITY }
  for (const part of path === '' ? [] : path.split('/')) {
    const name = simplestForm(part)
    folder.rank = Math.min(folder.rank, rankOf(name, folder.name))
    folder.name = name
    folder.depth++
  }
  return folder
}

/** What was found by one pattern. */
interface Found {
  count: number
  /** The highest ones: a home folder is what files arrive in, not far below. */
  highest: { path: string; depth: number }[]
}

/**
 * Lines for what one pattern finds: one alone could be there to hide another, and many would take the room of others.
 */
const MOST_OF_ONE = 3

/** The riskiest ones of many paths, and how many there are. */
export class RiskyPaths {
  readonly #most: number
  readonly #found = new Map<number, Found>()
  /** The folder of the path before: most paths are in the same one. */
  #parent = folderAt('')
  count = 0

  /** @param most how many are to be shown */
  constructor(most: number) {
    this.#most = most
  }

  /**
   * The worst first, by the pattern that finds them: the highest ones, and how many more it finds. Each pattern has as
   * much room as any other, so that no number of paths hides those of another one.
   */
  get worst(): { paths: string[]; more: number }[] {
    const found = [...this.#found].sort(([one], [other]) => one - other).slice(0, this.#most)
    const room = Math.floor(this.#most / found.length)
    return found.map(([, { count, highest }]) => {
      const paths = highest.slice(0, room).map(({ path }) => path)
      return { paths, more: count - paths.length }
    })
  }

  add(path: string): void {
    const end = path.lastIndexOf('/')
    const parent = path.slice(0, Math.max(end, 0))
    if (parent !== this.#parent.path) this.#parent = folderAt(parent)
    const { name: folder, depth: above } = this.#parent
    const rank = Math.min(this.#parent.rank, rankOf(simplestForm(path.slice(end + 1)), folder))
    const depth = above + 1
    if (rank === Number.POSITIVE_INFINITY) return
    this.count++
    const found = this.#found.get(rank) ?? { count: 0, highest: [] }
    this.#found.set(rank, found)
    found.count++
    const at = found.highest.findIndex((other) => other.depth > depth)
    found.highest.splice(at === -1 ? found.highest.length : at, 0, { path, depth })
    if (found.highest.length > MOST_OF_ONE) found.highest.pop()
  }
}
