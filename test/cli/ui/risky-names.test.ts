import test from 'ava'
import { DelicatePaths } from '../../../lib/cli/ui/risky-names.js'

/** Those of the paths that are delicate, the worst first. */
function delicate(paths: readonly string[]): string[] {
  const found = new DelicatePaths(paths.length)
  for (const path of paths) found.add(path)
  return found.paths
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
    t.deepEqual(delicate(given).sort(), [...given].sort())
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
  t.deepEqual(delicate(paths).sort(), [...paths].sort())
})

test('the worst comes first: what lets somebody in, what runs at the next login, by itself, when something is used', (t) => {
  const worst = ['a/b/c/.k5login', 'a/.zprofile', 'a/.qmail', 'a/.ghci', 'a/.npmrc']
  t.deepEqual(delicate([...worst].reverse()), worst)
  const decoys = Array.from({ length: 20 }, (_, n) => `${n}/.github/x`)
  t.is(delicate([...decoys, 'x/.ssh/rc'])[0], 'x/.ssh/rc')
})

test('ordinary names are not delicate', (t) => {
  const paths =
    'photos/1.jpg report.pdf src/index.ts Makefile package.json bin/ls ssh/id bashrc gitconfig profile login env .x ' +
    '.gitignore .gitkeep .DS_Store .dockerignore .npmignore .editorconfig a/.env.example a/.eslintrc a/.prettierrc.json ' +
    'fish/trout.jpg cronology.txt arc .arch march vim/notes git zsh.txt my.ssh/x author.txt a~b file.txt~ draft.~1~ ' +
    'kde.png lesson.txt config/app.json local/x x.pthx a:b 2026.01 .hidden/notes'
  t.deepEqual(delicate(paths.split(' ')), [])
})
