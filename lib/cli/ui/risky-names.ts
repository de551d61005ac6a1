import { simplestForm } from '../../files/own/reserved.js'

/**
 * Names of files and folders that programs run, or take commands, keys or settings from, wherever they are: by what they
 * do, the worst first. A `*` at the beginning or the end stands for anything. In lower case, as {@link simplestForm} has them.
 */
const KINDS = {
  'lets somebody in': [
    'authorized_* .ssh sshd_config* .rhosts .shosts hosts.equiv shosts.equiv .klogin .k5login .k5users .k5identity',
    '.google_authenticator .yubico u2f_keys .pam_environment pam.d sudoers* polkit-1 .xauthority .vnc',
  ],
  'runs when somebody logs in, or when the machine starts': [
    // shells
    '.bash* .zsh* .zprofile .zlogin .zlogout .zprezto* .zim* .zplug .zinit .antigen* .oh-my-* .p10k.zsh .ksh* .mksh*',
    '.csh* .cshrc .tcsh* .fish* config.fish .xonsh* .elvish .nu .yash* .shrc .shinit .profile .profile.* profile.d',
    '.login .login.* .login_conf* .logout .environment .env .env.local .envrc .inputrc .editrc .powershell* *profile.ps1',
    // desktops
    '.xinit* .xprofile .xsession* .xserverrc .xclients* .xinputrc .xbindkeysrc* .xmodmap* .xresources* .xdefaults*',
    '.config autostart autostart-scripts plasma-workspace .kde* .gnome* .dmrc .fluxbox .icewm .openbox .fvwm* .i3',
    '.sway .awesome .xmonad .bspwm .sxhkd .screenlayout .e16',
    // the system
    'systemd environment.d dbus-1 init.d rc.local udev modprobe.d tmpfiles.d ld.so.preload ld.so.conf*',
    'launchagents launchdaemons startupitems loginhook startup autoexec.bat autorun.inf win.ini ntuser.*',
  ],
  'runs by itself: when mail comes, or at a time': [
    '.forward* .procmail* .qmail* .mailfilter* .maildrop* .sieve .dovecot.sieve .vacation* .fetchmailrc .getmail',
    'crontab* .crontab* cron.* anacrontab at.allow at.deny',
  ],
  'runs when something else is used': [
    // version control, and what runs what was pushed
    '.git .gitconfig .gitmodules .gitattributes .githooks .git-templates .husky lefthook.* .lefthook.* .overcommit.yml',
    '.pre-commit-config.yaml .hg .hgrc .svn _svn .subversion .bzr .bazaar .cvsrc .jj .p4config .p4enviro _fossil',
    '.github .gitlab .gitlab-ci.yml .gitea .forgejo .travis.yml .circleci .drone.yml .buildkite .cirrus.yml .woodpecker*',
    '.devcontainer* .gitpod.yml jenkinsfile azure-pipelines.yml bitbucket-pipelines.yml',
    // what enters a folder, and chooses versions there
    '.direnv .autoenv* .mise.toml mise.toml .rtx.toml .tool-versions .rvmrc',
    // editors
    '.vim* _vim* .gvim* _gvimrc .exrc _exrc .nvim* .ideavimrc .lvimrc .emacs* _emacs* .spacemacs* .doom.d',
    '.dir-locals* .nanorc .jed* .joe* .kak* .helix .ycm_extra_conf.py .vscode* .vs .cursor .zed .idea .fleet',
    // on a terminal
    '.tmux* .screenrc .byobu .less .lesskey .lessfilter .mail.rc .mailrc .nailrc .mailcap .mutt* .neomutt* .elinks',
    '.lynx* .w3m .curlrc .wgetrc .aria2 .lftp* .mc .ranger .vifm* .ctags* .terminfo .dircolors .dir_colors .gtkrc*',
    // interpreters, debuggers, databases
    '.python* .pystartup .pdbrc* .ipython .jupyter .pydistutils.cfg sitecustomize.py usercustomize.py *.pth .irb* .pry*',
    '.byebugrc .gdb* .lldb* .perldb .re.pl .ghci .ocamlinit .guile .sbclrc .clisprc* .eclrc .ccl-init.lisp .swipl*',
    '.rprofile .renviron .octaverc .julia .juliarc.jl .matlab .maxima .gnuplot .iex.exs .erlang .tclshrc .wishrc',
    '.noderc .jshellrc .psysh* .psqlrc .sqliterc .duckdbrc .mongorc* .mongoshrc* .my.cnf .cqlshrc',
    // web servers and folders that are opened
    '.htaccess .user.ini web.config desktop.ini',
  ],
  'has keys or passwords, or says where packages and programs come from': [
    '.gnupg .password-store .netrc _netrc .pgpass .mylogin.cnf .aws .azure .gcloud .boto .s3cfg .kube .helm .docker',
    '.terraformrc .terraform.d .ansible* .vagrant.d .npmrc .yarn* .pnpm* .pnpmfile.cjs .nvm .volta .bun* .deno',
    '.cargo .rustup .m2 .mvn .gradle .ivy2 .sbt .lein .nuget nuget.config .pypirc .pip .conda* .mamba* .pyenv .asdf*',
    '.gem* .bundle .rbenv .rvm .sdkman .nix-* .nixpkgs .brew* .cpan* .luarocks .opam .cabal .stack .composer',
    '.bazelrc .buckconfig .conan* .ccache .local .mozilla .thunderbird',
  ],
}

/** In the top folder, which may be somebody's home, a hidden name that ends like the settings of a program. */
const SETTINGS = /^\..*(?:rc|profile|login|logout|env|init|aliases)(?:\.[^.]+)?$/s
const OF_SETTINGS: keyof typeof KINDS = 'runs when something else is used'

/** What Windows may take for any longer name: its short form. */
const SHORT_NAME = /^[^.~]{1,6}~\d+(?:\.[^.]{1,3})?$/s

const ORDER = Object.keys(KINDS)
const RANKS = new Map<string, number>()
/** By their first character, so that few are looked at: there may be millions of names. */
const BEGINNINGS = new Map<string, [beginning: string, rank: number][]>()
const ENDINGS: [ending: string, rank: number][] = []
for (const [rank, lines] of Object.values(KINDS).entries())
  for (const name of lines.join(' ').split(' ')) {
    const beginning = name.slice(0, -1)
    if (name.startsWith('*')) ENDINGS.push([name.slice(1), rank])
    else if (!name.endsWith('*')) RANKS.set(name, rank)
    else BEGINNINGS.set(name[0]!, [...(BEGINNINGS.get(name[0]!) ?? []), [beginning, rank]])
  }

/** Of a name in whatever spelling that some disk takes for one of the list; undefined for one that nothing is known of. */
function rankOf(name: string, isTop: boolean): number | undefined {
  const simplest = simplestForm(name)
  const listed =
    RANKS.get(simplest) ??
    BEGINNINGS.get(simplest[0]!)?.find(([beginning]) => simplest.startsWith(beginning))?.[1] ??
    ENDINGS.find(([ending]) => simplest.endsWith(ending))?.[1]
  if (listed !== undefined) return listed
  if (isTop && SETTINGS.test(simplest)) return ORDER.indexOf(OF_SETTINGS)
  return SHORT_NAME.test(simplest) ? ORDER.length - 1 : undefined
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
    for (const [depth, name] of names.entries()) {
      const found = rankOf(name, depth === 0)
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
