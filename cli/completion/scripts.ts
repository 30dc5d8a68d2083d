/** What each shell must be told once: to ask `gantry __complete` for what comes next. */

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The last line of an answer when names of files fit, too. A tab in it: no word has one. */
export const FILES_MARK = ':files\t';

// COMP_WORDS is broken at "=" and ":", which are parts of our words: the line is taken apart at its spaces instead, and what
// bash takes for the word's beginning is cut off the answers.
const BASH = `# bash completion for gantry; load it with: source <(gantry completion bash)
_gantry_complete() {
  local line="\${COMP_LINE:0:COMP_POINT}" cur="\${COMP_WORDS[COMP_CWORD]}" word value broken files=
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  word="\${words[\${#words[@]}-1]}"
  broken="\${word%"$cur"}"
  [[ $cur == [=:] ]] && broken="$word"
  COMPREPLY=()
  while IFS=$'\\t' read -r value _; do
    case $value in
      :files) files=1 ;;
      ?*) COMPREPLY+=("\${value#"$broken"}") ;;
    esac
  done < <("\${words[0]}" __complete "\${words[@]:1}" 2>/dev/null)
  if [[ -n $files ]]; then
    local IFS=$'\\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY+=($(compgen -f -- "\${word#--*=}"))
  elif [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *= ]]; then
    compopt -o nospace 2>/dev/null
  fi
}
complete -F _gantry_complete gantry
`;

const ZSH = `#compdef gantry
# zsh completion for gantry; load it with: source <(gantry completion zsh)
_gantry() {
  local line value description files=
  local -a plain open described opened
  while IFS=$'\\t' read -r value description; do
    [[ $value == :files ]] && { files=1; continue }
    [[ -z $value ]] && continue
    if [[ $value == *= ]]; then
      open+=("$value"); opened+=("$value\${description:+ -- $description}")
    else
      plain+=("$value"); described+=("$value\${description:+ -- $description}")
    fi
  done < <("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#plain} )) && compadd -l -d described -a plain
  (( \${#open} )) && compadd -S '' -l -d opened -a open
  if [[ -n $files ]]; then
    compset -P '--*='
    _files
  fi
}
if [[ \${funcstack[1]} == _gantry ]]; then _gantry "$@"; else compdef _gantry gantry; fi
`;

const FISH = `# fish completion for gantry; load it with: gantry completion fish | source
function __gantry_complete
    set -l tokens (commandline -opc)
    set -l current (commandline -ct)
    for line in ($tokens[1] __complete $tokens[2..-1] "$current" 2>/dev/null)
        if string match -q ':files*' -- $line
            __fish_complete_path (string replace -r '^--[^=]*=' '' -- "$current")
        else
            echo $line
        end
    end
end
complete -c gantry -f -a '(__gantry_complete)'
`;

export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
