/** What shells are told. They all ask `netctl __complete WORD...`, so what can be completed is said in one place. */

// Not compgen -W, which would run what it finds in the words: names come from a server.
const BASH = `# bash completion of netctl: source <(netctl completion bash)
_netctl() {
  local typed=\${COMP_WORDS[COMP_CWORD]} word
  # "--tenant=" ends with a word "=": what is completed comes after it.
  [[ $typed == = ]] && typed=
  COMPREPLY=()
  while IFS= read -r word; do
    [[ $word == "$typed"* ]] && COMPREPLY+=("$word")
  done < <("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _netctl netctl
`;

const ZSH = `#compdef netctl
# zsh completion of netctl: source <(netctl completion zsh)
_netctl() {
  local current=\${words[CURRENT]}
  local -a found
  found=(\${(f)"$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if [[ $current == -*=* ]]; then
    compset -P '*='
  fi
  compadd -a found
}
compdef _netctl netctl
`;

const FISH = `# fish completion of netctl: netctl completion fish | source
function __netctl_complete
  set -l before (commandline -opc)
  set -l current (commandline -ct)
  set -l found (netctl __complete -- $before[2..-1] $current 2>/dev/null)
  if string match -qr -- '^-.*=' "$current"
    set -l flag (string replace -r -- '=.*$' '=' "$current")
    printf '%s\\n' $flag$found
  else
    printf '%s\\n' $found
  end
end
complete -c netctl -f -a '(__netctl_complete)'
`;

export const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
