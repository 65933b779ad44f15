# fish completion for tdamm-synth

# Ids of the plugins of a kind
function __tdamm_synth_ids
    tdamm-synth plugins --names 2>/dev/null | string replace --filter --regex "^$argv[1] " ''
end

# What may stand before the = of -o
function __tdamm_synth_keys
    set -l word (commandline --current-token)
    if not string match --quiet '*.*' -- $word
        printf '%s\n' sampler. prompt. provider. validator. sink. reporter.
        return
    end
    set -l kind (string split --max 1 . -- $word)[1]
    for id in (__tdamm_synth_ids $kind)
        for key in (tdamm-synth plugins $kind.$id 2>/dev/null | string replace --filter --regex '^  ([a-z0-9_]+)  \(.*' '$1')
            printf '%s\n' $kind.$key= $kind.$id.$key=
        end
    end
end

set -l making '__fish_seen_subcommand_from generate plan'
set -l going '__fish_seen_subcommand_from generate plan resume'
set -l options '__fish_seen_subcommand_from generate plan resume export plugins'
set -l ledger '__fish_seen_subcommand_from resume status export report merge cancel'

complete -c tdamm-synth -f
complete -c tdamm-synth -s h -l help -d 'show the help and exit'
complete -c tdamm-synth -n __fish_use_subcommand -l version -d 'show the version and exit'
complete -c tdamm-synth -n __fish_use_subcommand -a generate -d 'make a data set'
complete -c tdamm-synth -n __fish_use_subcommand -a plan -d 'what would be made, and its cost'
complete -c tdamm-synth -n __fish_use_subcommand -a resume -d 'go on with an interrupted run, or add to a finished one'
complete -c tdamm-synth -n __fish_use_subcommand -a status -d 'where a run stands'
complete -c tdamm-synth -n __fish_use_subcommand -a export -d 'write the records of a run through another sink'
complete -c tdamm-synth -n __fish_use_subcommand -a report -d 'statistics and cost of a run'
complete -c tdamm-synth -n __fish_use_subcommand -a cancel -d 'end the deferred batches of a run'
complete -c tdamm-synth -n __fish_use_subcommand -a merge -d 'make one run of the ledgers of all its shards'
complete -c tdamm-synth -n __fish_use_subcommand -a check -d 'validators and report over any labelled data set'
complete -c tdamm-synth -n __fish_use_subcommand -a plugins -d 'list, describe, check and start plugins'

complete -c tdamm-synth -n $going -l num-samples -x -d 'samples in all'
complete -c tdamm-synth -n $making -l samples-per-class -x -d 'samples for each class'
complete -c tdamm-synth -n $making -l min-labels -x -a '(seq 7)' -d 'fewest labels of a sample'
complete -c tdamm-synth -n $making -l max-labels -x -a '(seq 7)' -d 'most labels of a sample'
complete -c tdamm-synth -n $making -l taxonomy -r -F -a 'tdamm40 tdamm36 cosmos' -d 'the classes'
complete -c tdamm-synth -n $making -l seed -x -d 'same seed, same plan, same prompts'
complete -c tdamm-synth -n $going -l model -x -d 'model to ask'
complete -c tdamm-synth -n $making -l provider -x -a '(__tdamm_synth_ids provider)' -d 'who writes'
complete -c tdamm-synth -n $making -l sampler -x -a '(__tdamm_synth_ids sampler)' -d 'who plans the labels'
complete -c tdamm-synth -n $making -l prompts -x -a '(__tdamm_synth_ids prompt)' -d 'who writes the prompts'
complete -c tdamm-synth -n $making -l validator -x -a '(__tdamm_synth_ids validator)' -d 'checks on each document'
complete -c tdamm-synth -n '__fish_seen_subcommand_from generate plan export' -l sink -x -a '(__tdamm_synth_ids sink)' -d 'output formats'
complete -c tdamm-synth -n '__fish_seen_subcommand_from generate plan report check' -l reporter -x -a '(__tdamm_synth_ids reporter)' -d 'parts of the report'
complete -c tdamm-synth -n '__fish_seen_subcommand_from check' -l validator -x -a '(__tdamm_synth_ids validator)' -d 'checks'
complete -c tdamm-synth -n '__fish_seen_subcommand_from check' -l taxonomy -r -F -a 'tdamm40 tdamm36 cosmos' -d 'the classes'
complete -c tdamm-synth -n '__fish_seen_subcommand_from report' -l html -r -F -d 'a page with charts and the texts'
complete -c tdamm-synth -n $options -s o -l option -x -a '(__tdamm_synth_keys)' -d 'an option of a plugin'
complete -c tdamm-synth -n '__fish_seen_subcommand_from generate plan resume export report merge cancel check plugins' -l plugin-dir -x -a '(__fish_complete_directories)' -d 'folder to search for plugins first'
complete -c tdamm-synth -n $going -l budget -x -d 'hard cap on the spending, in US dollars'
complete -c tdamm-synth -n $making -l batch-size -x -d 'samples reported as one batch'
complete -c tdamm-synth -n $going -l max-concurrent -x -d 'requests in flight at most'
complete -c tdamm-synth -n $going -l rpm -x -d 'requests a minute'
complete -c tdamm-synth -n $going -l tpm -x -d 'tokens a minute'
complete -c tdamm-synth -n $going -l shared-limits -x -d 'share rates and budget through Redis'
complete -c tdamm-synth -n $going -l max-attempts -x -d 'attempts a sample'
complete -c tdamm-synth -n $going -l ca-file -r -d 'certificates to trust besides the system'
complete -c tdamm-synth -n $going -l first-byte-timeout -x -d 'seconds until an answer begins to come in'
complete -c tdamm-synth -n $going -l timeout -x -d 'seconds for one request'
complete -c tdamm-synth -n $making -l drain-timeout -x -d 'seconds that the first Ctrl-C waits'
complete -c tdamm-synth -n $going -l http -x -a '1.1 2' -d 'version of HTTP'
complete -c tdamm-synth -n $going -l give-up-after -x -d 'seconds without success after which to stop'
complete -c tdamm-synth -n '__fish_seen_subcommand_from generate plan export merge check' -l output-dir -x -a '(__fish_complete_directories)' -d 'folder of the outputs'
complete -c tdamm-synth -n '__fish_seen_subcommand_from generate plan merge check' -l run-name -x -d 'stem of the files'
complete -c tdamm-synth -n $making -l config -r -F -d 'a run file (TOML)'
complete -c tdamm-synth -n $going -l mode -x -a 'direct batch' -d 'ask at once or in deferred batches'
complete -c tdamm-synth -n $going -l finish -x -a 'batch direct' -d 'how the last few of a batch run are asked for'
complete -c tdamm-synth -n $going -l batch-lines -x -d 'requests in one batch at most'
complete -c tdamm-synth -n $going -l queued-tokens -x -d 'input tokens in the queue of the service at most'
complete -c tdamm-synth -n $going -l poll -x -d 'seconds until a batch is looked at'
complete -c tdamm-synth -n $making -l shard -x -a 'slurm kubernetes' -d 'part of the plan to make, as 2/4'
complete -c tdamm-synth -n $making -l shards -x -d 'parts that the plan is split into'
complete -c tdamm-synth -n '__fish_seen_subcommand_from plan' -l slurm -x -a '(__fish_complete_directories)' -d 'write the files of a Slurm job'
complete -c tdamm-synth -n '__fish_seen_subcommand_from plan' -l kubernetes -x -a '(__fish_complete_directories)' -d 'write the files of a Kubernetes job'
complete -c tdamm-synth -n '__fish_seen_subcommand_from plan' -l image -x -d 'container image of the Kubernetes job'
complete -c tdamm-synth -n '__fish_seen_subcommand_from plan' -l simulate -d 'run the plan in simulated time'
complete -c tdamm-synth -n '__fish_seen_subcommand_from plan' -l latency -x -d 'median of a request, as 8s'
complete -c tdamm-synth -n '__fish_seen_subcommand_from plan' -l latency-spread -x -d 'standard deviation of its logarithm'
complete -c tdamm-synth -n '__fish_seen_subcommand_from plan' -l failure-rate -x -d 'share of requests that the service fails'
complete -c tdamm-synth -n '__fish_seen_subcommand_from plan' -l rejection-rate -x -d 'share of answers that do not pass'
complete -c tdamm-synth -n '__fish_seen_subcommand_from plan' -l turnaround -x -d 'of a batch, as 12h'
complete -c tdamm-synth -n '__fish_seen_subcommand_from merge' -l allow-missing -d 'also when samples are missing'
complete -c tdamm-synth -n $going -l quiet -d 'errors only'
complete -c tdamm-synth -n $going -l verbose -d 'everything that happens'
complete -c tdamm-synth -n $going -l no-progress -d 'no live view on a terminal'
complete -c tdamm-synth -n '__fish_seen_subcommand_from generate plan resume status report merge check plugins' -l json -d 'JSON on standard output'
complete -c tdamm-synth -n '__fish_seen_subcommand_from plugins' -l check -r -F -d 'hold a file to the contract of its kind'
complete -c tdamm-synth -n '__fish_seen_subcommand_from plugins' -a copy-data -d 'copy the data files of a plugin'
complete -c tdamm-synth -n '__fish_seen_subcommand_from plugins' -a "(tdamm-synth plugins --names 2>/dev/null | string split --fields 2 ' ')"
complete -c tdamm-synth -n '__fish_seen_subcommand_from plugins' -a new -d 'start a plugin of your own'
complete -c tdamm-synth -n '__fish_seen_subcommand_from new' -a 'sampler prompt provider validator sink reporter'
complete -c tdamm-synth -n '__fish_seen_subcommand_from copy-data' -a '(__fish_complete_directories)'
complete -c tdamm-synth -n $ledger -a '(__fish_complete_suffix .ledger.sqlite)' -d ledger
