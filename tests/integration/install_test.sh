#!/bin/sh
# Installs into a scratch folder, runs the installed program from there, and builds new plugins against what was installed:
# what a packager and a plugin author do. Arguments: build folder, source folder, prefix.
set -eu
build=$1 source=$2 prefix=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
step() { echo "== $*"; }
need() { [ -e "$1" ] || { echo "missing: $1"; exit 1; }; }

step install
umask 022
meson install -C "$build" --no-rebuild --destdir "$scratch" >"$scratch/install.log" 2>&1 || { cat "$scratch/install.log"; exit 1; }
root=$scratch$prefix
program=$root/bin/tdamm-synth
need "$program"
need "$root/include/synth/plugin.hpp"
need "$root/share/tdamm-synth/data/tdamm40.json"
need "$root/share/tdamm-synth/data/templates/sink/plugin.cpp"
need "$root/share/pkgconfig/synth-plugin.pc"
need "$root/share/man/man1/tdamm-synth.1"
need "$root/share/bash-completion/completions/tdamm-synth"
need "$root/share/zsh/site-functions/_tdamm-synth"
need "$root/share/fish/vendor_completions.d/tdamm-synth.fish"

step "the installed program finds its plugins and data, and nothing of the build tree"
cd "$scratch"
"$program" plugins >plugins.txt
for id in balanced complete list proportional uniform weighted tdamm openai anthropic gemini offline length json jsonl \
    csv huggingface multihot sqlite cost statistics; do
    grep -q " $id " plugins.txt || { echo "no plugin $id in:"; cat plugins.txt; exit 1; }
done
if grep -qF "$build" plugins.txt; then echo "found in the build tree:"; cat plugins.txt; exit 1; fi
if grep -q refused plugins.txt; then cat plugins.txt; exit 1; fi
"$program" generate --provider offline --num-samples 12 --output-dir out --run-name a --quiet
grep -c '"link"' out/a.json | grep -qx 12
"$program" plan --num-samples 10 >plan.txt

step "completion knows commands, options and plugins"
# What bash would offer for the last of the words.
offers() {
    bash -c 'source "$1"; shift
        compopt() { :; }  # only there while a person completes
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _tdamm_synth "$1"
        printf "%s\n" "${COMPREPLY[@]}"' bash "$root/share/bash-completion/completions/tdamm-synth" "$program" "$@"
}
expect() { # an offer, then the words
    wanted=$1
    shift
    offers "$@" >offers.txt
    grep -qx -- "$wanted" offers.txt || { echo "no $wanted for '$*' in:"; cat offers.txt; exit 1; }
}
expect generate gen
expect --samples-per-class generate --s
expect --check plugins --
expect jsonl generate --sink js
expect jsonl generate --sink = js
expect provider.base_url= generate -o provider.
expect prompt.tdamm.dir= generate -o prompt.tdamm.
expect out generate --output-dir o
expect out/a.ledger.sqlite resume out/a
expect tdamm plugins copy-data t
expect new plugins n
expect provider plugins new pr
expect sampler.list.data= plugins --check x.so -o sampler.list.

step "man page and completions have every option of the help"
sed 's/\\-/-/g' "$root/share/man/man1/tdamm-synth.1" >man.txt
for command in generate plan resume status export report merge cancel plugins; do
    "$program" "$command" --help | sed -n 's/^  \(-[a-z],\)\{0,1\}--\([a-z-]*\).*/\2/p' >options.txt
    [ -s options.txt ]
    while read -r option; do
        for place in "man.txt:--" "$root/share/zsh/site-functions/_tdamm-synth:--" \
            "$root/share/fish/vendor_completions.d/tdamm-synth.fish:-l "; do
            grep -q -- "${place##*:}$option\([^a-z-]\|\$\)" "${place%:*}" ||
                { echo "${place%:*} lacks --$option of $command"; exit 1; }
        done
    done <options.txt
done

step "what 'plugins new' writes builds against what was installed, loads, and passes its test: all kinds"
export PKG_CONFIG_SYSROOT_DIR=$scratch PKG_CONFIG_PATH=$root/share/pkgconfig
export TDAMM_SYNTH=$program
loud() { # a command whose output matters only when it fails
    "$@" >loud.log 2>&1 || { echo "failed: $*"; cat loud.log; exit 1; }
}
for kind in sampler prompt provider validator sink reporter; do
    loud "$program" plugins new "$kind" "my-$kind"
    loud meson setup --werror "my-$kind/build" "my-$kind"
    loud meson compile -C "my-$kind/build"
    loud meson test -C "my-$kind/build" --print-errorlogs
    nm -D --defined-only "my-$kind/build/synth-$kind-my-$kind.so" >symbols.txt
    [ "$(wc -l <symbols.txt)" -eq 1 ] || { echo "more than one symbol in:"; cat symbols.txt; exit 1; }
done

step "the same with CMake, and with nothing but a compiler"
loud "$program" plugins new sink by-cmake sinks/cmake
loud cmake -S sinks/cmake -B sinks/cmake/build
loud cmake --build sinks/cmake/build
loud sh -c 'cd sinks/cmake/build && ctest --output-on-failure'
loud "$program" plugins new sink by-hand sinks/hand
sed -n '/^    mkdir/,/^    .*test.sh/s/^    //p' sinks/hand/README.md >by-hand.sh
[ "$(wc -l <by-hand.sh)" -eq 4 ]
loud sh -ec 'cd sinks/hand && . ../../by-hand.sh'

step "docs/plugin-authoring.md does what it says, with the installed program and nothing of the source tree"
# Its fenced blocks in order: sh is run, cpp is saved under the name that it begins with, text is what has to be printed.
awk -v expected="$scratch/expected.txt" '
    /^```/ && language == "" { language = substr($0, 4); first = 1; blocks[language]++; next }
    /^```/ { if (language == "cpp") print "END_OF_FILE"; language = ""; next }
    language == "sh" { print }
    language == "text" { print >expected }
    language == "cpp" && first {
        if (!match($0, /^\/\/ [a-z_]+\.cpp:/)) { print "a block of cpp without a name: " $0 >"/dev/stderr"; exit 1 }
        print "cat >" substr($0, 4, RLENGTH - 4) " <<\"END_OF_FILE\""
    }
    language == "cpp" { print; first = 0 }
    language !~ /^(|sh|cpp|text)$/ { print "a block that nobody runs: " language >"/dev/stderr"; exit 1 }
    END { if (blocks["sh"] < 6 || blocks["cpp"] < 1 || blocks["text"] < 2) exit 1 }
' "$source/docs/plugin-authoring.md" >page.sh || { echo "the page lacks blocks, or has one that nobody runs"; exit 1; }
mkdir reader
loud env -i HOME="$scratch/reader" PATH="$root/bin:$PATH" PKG_CONFIG_SYSROOT_DIR="$PKG_CONFIG_SYSROOT_DIR" \
    PKG_CONFIG_PATH="$PKG_CONFIG_PATH" sh -euc 'umask 022; cd "$1" && . "$2"' sh "$scratch/reader" "$scratch/page.sh"
while read -r line; do
    grep -qF -- "$line" loud.log || { echo "the page says '$line', which was not printed in:"; cat loud.log; exit 1; }
done <expected.txt
[ "$(wc -l <reader/wordcount/out/second.wordcount.txt)" -eq 20 ]
[ -e reader/my-provider/my-provider.cpp ]
echo "1 passed, 0 failed"
