# bash completion for tdamm-synth. Options come from the program's own help, plugins and their options from the plugins.

# Ids of the plugins of a kind: PROGRAM KIND
_tdamm_synth_ids() {
    "$1" plugins --names 2>/dev/null | while read -r kind id; do
        [[ $kind == "$2" ]] && printf '%s\n' "$id"
    done
}

# What may stand before the = of -o: PROGRAM WORD
_tdamm_synth_keys() {
    local kind=${2%%.*} id
    case $2 in
        *.*)
            for id in $(_tdamm_synth_ids "$1" "$kind"); do
                "$1" plugins "$kind.$id" 2>/dev/null | sed -n "s/^  \([a-z0-9_]*\)  (.*/$kind.\1= $kind.$id.\1=/p"
            done ;;
        *) printf '%s\n' sampler. prompt. provider. validator. sink. reporter. ;;
    esac
}

_tdamm_synth() {
    local program=$1 current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=""
    local IFS=$' \t\n'
    COMPREPLY=()
    ((COMP_CWORD > 1)) && command=${COMP_WORDS[1]}
    # readline splits --option=value at the =
    if [[ $current == "=" ]]; then
        current=""
    elif [[ $previous == "=" ]]; then
        previous=${COMP_WORDS[COMP_CWORD - 2]}
    fi

    case $previous in
        --provider | --sampler | --validator | --sink | --reporter)
            mapfile -t COMPREPLY < <(compgen -W "$(_tdamm_synth_ids "$program" "${previous#--}")" -- "$current")
            return ;;
        --prompts)
            mapfile -t COMPREPLY < <(compgen -W "$(_tdamm_synth_ids "$program" prompt)" -- "$current")
            return ;;
        -o | --option)
            compopt -o nospace
            mapfile -t COMPREPLY < <(compgen -W "$(_tdamm_synth_keys "$program" "$current")" -- "$current")
            return ;;
        --taxonomy)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -W "tdamm40 tdamm36 cosmos" -- "$current"; compgen -f -- "$current")
            return ;;
        --output-dir | --plugin-dir | --slurm | --kubernetes)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -d -- "$current")
            return ;;
        --html)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -d -- "$current"; compgen -f -X '!*.html' -- "$current")
            return ;;
        --config)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -d -- "$current"; compgen -f -X '!*.toml' -- "$current")
            return ;;
        --check)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -d -- "$current"; compgen -f -X '!*.so' -- "$current")
            return ;;
        --num-samples | --samples-per-class | --min-labels | --max-labels | --seed | --model | --budget | --batch-size | \
            --max-concurrent | --rpm | --tpm | --shared-limits | --max-attempts | --timeout | --first-byte-timeout | --drain-timeout | --give-up-after | --run-name | --shards | --image | --batch-lines | --queued-tokens | --poll | \
            --latency | --latency-spread | --failure-rate | --rejection-rate | --turnaround)
            return ;;
        --mode | --finish)
            mapfile -t COMPREPLY < <(compgen -W "direct batch" -- "$current")
            return ;;
        --http)
            mapfile -t COMPREPLY < <(compgen -W "1.1 2" -- "$current")
            return ;;
        --shard)
            mapfile -t COMPREPLY < <(compgen -W "slurm kubernetes" -- "$current")
            return ;;
    esac

    if [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W "generate plan resume status export report merge cancel check plugins --help --version" -- "$current")
    elif [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$program" "$command" --help 2>/dev/null |
            sed -n 's/^  \(-[a-z],\)\{0,1\}\(--[a-z-]*\).*/\2/p')" -- "$current")
    else
        case $command in
            resume | status | export | report | merge | cancel)
                compopt -o filenames
                mapfile -t COMPREPLY < <(compgen -d -- "$current"; compgen -f -X '!*.ledger.sqlite' -- "$current") ;;
            plugins)
                if [[ $previous == plugins ]]; then
                    mapfile -t COMPREPLY < <(compgen -W "copy-data new $("$program" plugins --names 2>/dev/null | cut -d' ' -f2)" -- "$current")
                elif [[ $previous == new ]]; then
                    mapfile -t COMPREPLY < <(compgen -W "sampler prompt provider validator sink reporter" -- "$current")
                elif [[ $previous == copy-data ]]; then
                    mapfile -t COMPREPLY < <(compgen -W "$("$program" plugins --names 2>/dev/null | cut -d' ' -f2)" -- "$current")
                else
                    compopt -o filenames
                    mapfile -t COMPREPLY < <(compgen -d -- "$current")
                fi ;;
            *) # the value of -o KIND.KEY=VALUE
                compopt -o filenames
                mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
        esac
    fi
}

complete -F _tdamm_synth tdamm-synth
