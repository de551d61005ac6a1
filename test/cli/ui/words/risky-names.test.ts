import test from 'ava'
import { RiskyPaths } from '../../../../lib/cli/ui/words/risky-names.js'

/** What is found of the paths. */
function riskyOf(paths: readonly string[], most = 10): RiskyPaths {
  const found = new RiskyPaths(most)
  for (const path of paths) found.add(path)
  return found
}

/** Those of the paths that are delicate. */
function delicate(paths: readonly string[]): string[] {
  return paths.filter((path) => riskyOf([path]).count > 0)
}

/** Those that are shown, the worst first. */
function shown(paths: readonly string[]): string[] {
  return riskyOf(paths).worst.flatMap((kind) => kind.paths)
}

for (const [kind, paths] of [
  [
    'lets somebody in by SSH',
    '.ssh/id authorized_keys d/authorized_keys2 authorized_principals sshd_config .shosts',
  ],
  [
    'lets somebody in by PAM or Kerberos',
    '.k5login .k5users .google_authenticator .yubico/x pam.d/su sudoers.d/me',
  ],
  [
    'is of a shell',
    '.zprofile .zlogin .zlogout .zshenv .bash_aliases .login_conf .xonshrc .config/nushell/config.nu',
  ],
  [
    'is of another shell',
    '.tcshrc d/.mkshrc .yashrc .profile .env .envrc .elvish/rc.elv .config/fish/config.fish',
  ],
  [
    'is of a desktop',
    '.Xclients .xinputrc .xbindkeysrc .kde/env/x.sh .kde4/Autostart/x .config/autostart/x .i3/config',
  ],
  ['is of the system', 'systemd/user/x.service LaunchAgents/x.plist init.d/x ld.so.preload'],
  [
    'is of Windows',
    'AppData/Programs/Startup/x.bat WindowsPowerShell/Microsoft.VSCode_profile.ps1 Autorun.inf',
  ],
  [
    'says who somebody is, and what they may do',
    'etc/passwd etc/shadow etc/group ETC/gshadow root/etc/sudoers etc/ssh/x doas.conf etc/security/x pam.conf',
  ],
  [
    'is of a shell, and of what is loaded with it',
    '.fzf.bash .fzf.zsh .inputrc .dotfiles/x .cache/p10k-instant-prompt-me.zsh .zlogout WindowsPowerShell/Modules/x',
  ],
  [
    'is of a session',
    '.xsessionrc .xprofile .pam_environment .fehbg .hammerspoon/init.lua .yabairc d/.skhdrc .config/sway/config',
  ],
  [
    'is of the start of a machine',
    'etc/rc.local etc/rc3.d/x etc/inittab etc/profile if-up.d/x grub.d/x etc/fstab System32/x',
  ],
  [
    'is of a terminal or a player',
    '.wezterm.lua .alacritty.toml .iterm2/x .weechat/x .irssi/config .mpv/scripts/a.lua .abcde.conf',
  ],
  [
    'builds packages, or says where they come from',
    '.makepkg.conf .rpmmacros .pacman.conf .yarnrc .pypirc etc/apt/x sources.list.d/x yum.repos.d/x ansible.cfg',
  ],
  [
    'has the keys of clusters and clouds',
    '.kube/config .docker/config.json .git-credentials .authinfo .dockercfg .minikube/x .pki/x .rclone.conf',
  ],
  [
    'is run in a project',
    '.vscode/tasks.json .direnv/x .git/config .githooks/x .gitconfig.local .rspec .guardfile .local/bin/ls',
  ],
  ['runs when mail comes', '.procmailrc .qmail .qmail-default .mailfilter .forward .forward+x'],
  ['runs at a time', 'crontab .crontab cron.d/x cron.daily/x'],
  [
    'is of version control',
    '.git/hooks/x .gitconfig .hg/hgrc .husky/x .github/workflows/x.yml .gitlab-ci.yml',
  ],
  ['chooses versions', '.mise.toml .tool-versions .rvmrc .nvm/nvm.sh .asdf/x .pyenv/x'],
  [
    'is of an editor',
    '_vimrc .vim/plugin/x.vim .spacemacs .doom.d/init.el .emacs.d/init.el .dir-locals.el .vscode/x',
  ],
  ['is of a program on a terminal', '.lessfilter .mailrc .mutt/muttrc .tmux/x .elinks/hooks.lua .screenrc'],
  [
    'is of an interpreter',
    '.pryrc .ghci usercustomize.py d/x.pth .ipython/x .irbrc .sbclrc .Rprofile .ocamlinit',
  ],
  [
    'is of a package manager',
    '.npmrc .yarnrc.yml .cargo/config.toml .condarc .gemrc .bundle/config .nix-profile/x',
  ],
  ['has passwords', '.netrc _netrc .pgpass .aws/credentials .kube/config .gnupg/x'],
  [
    'ends like settings, in the top folder',
    '.unheardofrc .somesh_profile .foologin .foo-env .foorc.local .my_init.lua',
  ],
] as const)
  test(`what ${kind} is delicate`, (t) => {
    const given = paths.split(' ')
    t.deepEqual(delicate(given), given)
  })

test('it is delicate in every spelling that some disk takes for the name', (t) => {
  const paths = [
    '.SSH/id',
    '.\u017fsh/id',
    '.ssh./id',
    '.ssh::$INDEX_ALLOCATION/id',
    '.ba\u200cshrc',
    '.s\u200dsh/rc',
    'authorized_\u200ckeys',
    '.\uff42ashrc',
    '\uff0eprofile',
    'GIT~1/hooks/x',
  ]
  t.deepEqual(delicate(paths), paths)
})

test('the worst comes first: what lets somebody in, what runs at the next login, by itself, when something is used', (t) => {
  const worst = ['a/b/c/.k5login', 'a/.zprofile', 'a/.qmail', 'a/.ghci', 'a/.npmrc']
  t.deepEqual(shown([...worst].reverse()), worst)
  const decoys = Array.from({ length: 20 }, (_, n) => `${n}/.github/x`)
  t.is(shown([...decoys, 'x/.ssh/rc'])[0], 'x/.ssh/rc')
})

test('what is trusted or run at the next login comes before what has a name of its kind, however many are higher', (t) => {
  for (const [worse, decoy] of [
    ['x/.ssh/authorized_keys', 'authorized_principals'],
    ['x/y/.ssh/authorized_keys2', '.ssh/a'],
    ['x/y/.ssh/authorized_keys', 'sudoers.pdf'],
    ['x/y/.SSH/rc', '.ssh/known_hosts'],
    ['x/y/.ssh/config', '.ssh/id_'],
    ['x/sudoers.d/me', 'sudoers'],
    ['x/.bashrc', '.bash_'],
    ['x/.config/autostart/x.desktop', '.config/'],
    ['x/.git/hooks/pre-commit', '.git/'],
    ['x/.vscode/tasks.json', '.vscode/'],
    ['x/.docker/config.json', '.docker/'],
  ] as const) {
    const found = riskyOf([...Array.from({ length: 50 }, (_, n) => decoy + n), worse])
    t.deepEqual(found.worst[0], { paths: [worse], more: 0 }, worse)
    t.like(found, { count: 51, worst: { length: 2, 1: { paths: { length: 3 }, more: 47 } } }, decoy)
  }
})

test('each pattern has as much room as any other, and what has none is counted', (t) => {
  const patterns = ['authorized_keys', '.ssh/rc', '.bashrc', '.profile', '.zshrc', '.npmrc']
  const paths = patterns.flatMap((name) => Array.from({ length: 9 }, (_, n) => `${n}/${name}`))
  const found = riskyOf([...paths, '.zshrc'], 5)
  t.deepEqual(
    found.worst,
    ['0/authorized_keys', '0/.ssh/rc', '0/.bashrc', '0/.profile', '.zshrc'].map((path) => {
      return { paths: [path], more: path === '.zshrc' ? 9 : 8 }
    }),
  )
  t.is(found.count, 55)
  t.deepEqual(riskyOf([]).worst, [])
})

test('ordinary names are not delicate', (t) => {
  const paths =
    'photos/1.jpg report.pdf src/index.ts Makefile package.json bin/ls ssh/id bashrc gitconfig profile login env .x ' +
    '.gitignore .gitkeep .DS_Store .dockerignore .npmignore .editorconfig a/.env.example a/.eslintrc a/.prettierrc.json ' +
    'fish/trout.jpg cronology.txt arc .arch march vim/notes git zsh.txt my.ssh/x author.txt a~b file.txt~ draft.~1~ ' +
    'authorized_personnel.txt etc/notes.txt passwd shadow group rc.txt p10k-x a/etc/x .cache/x hooks/x tasks.json ' +
    'kde.png lesson.txt config/app.json local/x x.pthx a:b 2026.01 .hidden/notes'
  t.deepEqual(delicate(paths.split(' ')), [])
})
