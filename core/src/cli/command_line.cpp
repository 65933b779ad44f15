#include "cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <deque>

#include "config/run_file.hpp"

namespace synth::core {

namespace {

constexpr const char* kOutput = "Output";

/// Where CLI11 puts what it read, until it becomes Givens.
struct Raw {
    std::deque<std::pair<const Setting*, std::vector<std::string>>> values;
    std::vector<std::string> options;
    std::string config_file;
};

void add_settings(CLI::App& app, Raw& raw, bool (*wanted)(const Setting&)) {
    for (const auto& setting : all_settings()) {
        if (!wanted(setting)) continue;
        auto& [known, values] = raw.values.emplace_back(&setting, std::vector<std::string>{});
        auto* option = app.add_option("--" + std::string(setting.name), values, std::string(setting.meaning));
        option->type_name(std::string(setting.metavar))->group(std::string(setting.group));
        if (setting.repeatable)
            option->expected(-1);
        else
            option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
        option->allow_extra_args(false);
    }
}

void add_plugin_options(CLI::App& app, Raw& raw, const char* meaning, const char* group) {
    app.add_option("-o,--option", raw.options, meaning)
        ->type_name("KIND[.ID].KEY=VALUE")
        ->group(group)
        ->expected(-1)
        ->allow_extra_args(false);
}

void add_output_flags(CLI::App& app, Command& command) {
    app.add_flag("--quiet", command.quiet, "errors only")->group(kOutput);
    app.add_flag("--verbose", command.verbose, "everything that happens")->group(kOutput)->excludes("--quiet");
    app.add_flag("--no-progress", command.no_progress, "no live view on a terminal")->group(kOutput);
    app.add_flag("--json", command.json, "the final report as one JSON object on standard output")->group(kOutput);
}

constexpr const char* kGenerateExamples = R"(Examples:
  tdamm-synth generate --num-samples 200 --budget 2.00
  tdamm-synth generate --samples-per-class 50 --max-concurrent 100
  tdamm-synth generate --provider offline --num-samples 1000
  tdamm-synth generate --model llama3.2 -o provider.preset=ollama
  tdamm-synth generate --config run.toml --sink json --sink jsonl -o sink.json.metadata=true
The key comes from OPENAI_API_KEY (or the provider's own), in the environment or in .env.
'tdamm-synth plugins ID' lists what -o takes. 'tdamm-synth plan' shows the cost first.)";

constexpr const char* kMainFooter = R"(Start here:
  tdamm-synth generate --provider offline      try it: no key, no network, no cost
  tdamm-synth plan --num-samples 1000          what it would make and cost, nothing is sent
  tdamm-synth generate --num-samples 1000      make it (OPENAI_API_KEY in the environment or in .env)
'tdamm-synth COMMAND --help' lists the options of a command.)";

Result<Givens> to_givens(const Raw& raw) {
    Givens givens;
    for (const auto& [setting, values] : raw.values) {
        if (values.empty()) continue;
        givens.settings.emplace(std::string(setting->name), GivenSetting{values, "--" + std::string(setting->name)});
    }
    for (const auto& text : raw.options) {
        auto option = parse_plugin_option(text);
        if (!option) return std::move(option).error();
        givens.options.push_back(std::move(*option));
    }
    if (!raw.config_file.empty()) {
        auto file = read_run_file(raw.config_file);
        if (!file) return std::move(file).error();
        add_missing(givens, std::move(*file));
    }
    return givens;
}

int refuse(const std::string& message) {
    std::fprintf(stderr, "error: %s\n", message.c_str());
    return 2;
}

/// CLI11 lists all strays in one line of its own style; the nearest known option is of more use.
std::string unknown_argument(const CLI::App& app, const std::vector<std::string>& strays) {
    const std::string& stray = strays.front();
    std::vector<std::string> known;
    for (const auto* option : app.get_options())
        for (const auto& name : option->get_lnames()) known.push_back("--" + name);
    const auto near = stray.starts_with("-") ? nearest(stray.substr(0, stray.find('=')), known) : std::string();
    return "unknown " + std::string(stray.starts_with("-") ? "option" : "argument") + " '" + stray + "'" +
           (near.empty() ? "" : ", did you mean '" + near + "'?") + " (see 'tdamm-synth " + app.get_name() +
           " --help')";
}

}  // namespace

std::variant<Command, int> parse_command_line(int argc, const char* const* argv) {
    Command command;
    std::map<std::string, Raw> raw;
    CLI::App app{
        "tdamm-synth writes labelled training documents for TDAMM classifiers with a language model.\n"
        "It makes exactly the samples that were asked for, keeps every answer, and never passes the budget.",
        "tdamm-synth"};
    app.set_version_flag("--version", "tdamm-synth " TDAMM_SYNTH_VERSION);
    app.require_subcommand(1);
    app.footer(kMainFooter);
    app.get_formatter()->column_width(34);

    const auto every = [](const Setting&) { return true; };
    for (const auto& [name, what] :
         {std::pair("generate", "make a data set"),
          std::pair("plan", "what would be made, and its cost; sends nothing, needs no key")}) {
        auto* sub = app.add_subcommand(name, what);
        add_settings(*sub, raw[name], every);
        add_plugin_options(*sub, raw[name], "an option of a plugin; see 'tdamm-synth plugins ID'", "Model and plugins");
        sub->add_option("--config", raw[name].config_file, "a run file (TOML) with the same names; flags win over it")
            ->type_name("FILE")
            ->group("Files");
        add_output_flags(*sub, command);
        sub->footer(kGenerateExamples);
        if (sub->get_name() != "plan") continue;
        const auto add_job = [&](const char* flag, std::string& into, const char* meaning, const char* type) {
            return sub->add_option(flag, into, meaning)->type_name(type)->group("In parts");
        };
        add_job("--slurm", command.slurm_dir, "write the files of a Slurm job that makes it in --shards parts", "DIR");
        add_job("--kubernetes", command.kubernetes_dir,
                "write the files of a Kubernetes job that makes it in --shards parts", "DIR");
        add_job("--image", command.image,
                "container image of the Kubernetes job (default tdamm-synth:" TDAMM_SYNTH_VERSION ")", "NAME");
        auto& simulation = command.simulation;
        constexpr const char* kSimulation = "Simulation";
        sub->add_flag(
               "--simulate", simulation.wanted,
               "run the plan in simulated time, directly and in batches: duration, what limits it, requests, cost, "
               "disk and memory under --rpm, --tpm, --max-concurrent, --budget, --shards, --queued-tokens, "
               "--batch-lines")
            ->group(kSimulation);
        const auto add_expected = [&](const char* flag, std::string& into, const char* meaning, const char* type) {
            sub->add_option(flag, into, meaning)
                ->type_name(type)
                ->group(kSimulation)
                ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
        };
        add_expected("--latency", simulation.latency,
                     "median of a request, as 800ms, 8s, 2m (default: 1 s and a second for 80 tokens of the answer, a "
                     "usual speed of hosted small models)",
                     "TIME");
        add_expected("--latency-spread", simulation.latency_spread,
                     "standard deviation of its logarithm (default 0.4: one request in twenty takes twice the median)",
                     "X");
        add_expected("--failure-rate", simulation.failure_rate,
                     "share of requests that the service fails (default 0.01, a service in good health; 'report' has "
                     "your own)",
                     "SHARE");
        add_expected("--rejection-rate", simulation.rejection_rate,
                     "share of answers that are paid for and do not pass (default 0.05, to be careful; 'report' has "
                     "your own)",
                     "SHARE");
        add_expected("--turnaround", simulation.turnaround,
                     "of a batch, as 90m, 12h (default 24h, all that the services promise; often it is less)", "TIME");
    }

    auto* resume = app.add_subcommand("resume", "go on with an interrupted run, or add to a finished one");
    resume->add_option("ledger", command.ledger, "NAME.ledger.sqlite of the run")->required()->type_name("LEDGER");
    add_settings(*resume, raw["resume"], [](const Setting& setting) { return setting.for_resume; });
    add_plugin_options(*resume, raw["resume"], "options of the provider", "Model and plugins");
    add_output_flags(*resume, command);
    resume->footer(
        "Examples:\n  tdamm-synth resume data/NAME.ledger.sqlite\n"
        "  tdamm-synth resume data/NAME.ledger.sqlite --num-samples 500 --budget 5.00");

    auto* status = app.add_subcommand("status", "where a run stands");
    status->add_option("ledger", command.ledger, "NAME.ledger.sqlite of the run")->required()->type_name("LEDGER");
    status->add_flag("--json", command.json, "as one JSON object");

    auto* exporting = app.add_subcommand("export", "write a run's records through another sink; nothing is paid again");
    exporting->add_option("ledger", command.ledger, "NAME.ledger.sqlite of the run")->required()->type_name("LEDGER");
    add_settings(*exporting, raw["export"], [](const Setting& setting) {
        return setting.name == "sink" || setting.name == "output-dir" || setting.name == "plugin-dir";
    });
    add_plugin_options(*exporting, raw["export"], "options of the sinks", "Model and plugins");
    exporting->footer("Example:\n  tdamm-synth export data/NAME.ledger.sqlite --sink jsonl -o sink.metadata=true");

    auto* report = app.add_subcommand("report", "statistics and cost of a run, from its ledger");
    report->add_option("ledger", command.ledger, "NAME.ledger.sqlite of the run")->required()->type_name("LEDGER");
    report
        ->add_option("--html", command.html_file,
                     "instead: a page with charts and the texts; replaces only such a page")
        ->type_name("FILE");
    add_settings(*report, raw["report"],
                 [](const Setting& setting) { return setting.name == "reporter" || setting.name == "plugin-dir"; });
    add_plugin_options(*report, raw["report"], "options of the reporters", "Model and plugins");
    report->add_flag("--json", command.json, "as one JSON object")->excludes("--html");
    report->get_option("--reporter")->excludes("--html");
    report->footer(
        "Examples:\n  tdamm-synth report data/NAME.ledger.sqlite --html report.html\n"
        "  tdamm-synth report data/NAME.ledger.sqlite --reporter diversity -o reporter.reference=real.json");

    auto* cancel = app.add_subcommand("cancel", "end the deferred batches of a run; what is done by then stays");
    cancel->add_option("ledger", command.ledger, "NAME.ledger.sqlite of the run")->required()->type_name("LEDGER");
    add_settings(*cancel, raw["cancel"], [](const Setting& setting) { return setting.name == "plugin-dir"; });

    auto* merge = app.add_subcommand("merge", "make one run of the ledgers of all its shards, with outputs and report");
    merge->add_option("ledgers", command.ledgers, "NAME.shard-I-of-N.ledger.sqlite of every shard")
        ->required()
        ->type_name("LEDGER...");
    merge->add_flag("--allow-missing", command.allow_missing, "merge also when samples are missing, but no whole shard")
        ->group(kOutput);
    add_settings(*merge, raw["merge"], [](const Setting& setting) {
        return setting.name == "output-dir" || setting.name == "run-name" || setting.name == "plugin-dir";
    });
    add_output_flags(*merge, command);
    merge->footer(
        "Example:\n  tdamm-synth merge data/NAME.shard-*-of-4.ledger.sqlite\n"
        "What is missing is named with the command that makes it, and then nothing is written.");

    auto* check = app.add_subcommand("check", "validators and report over any labelled data set, whoever made it");
    check->add_option("file", command.file, "JSON as the json sink writes it, JSON Lines, or CSV")
        ->required()
        ->type_name("FILE");
    add_settings(*check, raw["check"], [](const Setting& setting) {
        static constexpr std::array kTaken = {"taxonomy", "validator", "reporter",  "output-dir",
                                              "run-name", "budget",    "plugin-dir"};
        return std::ranges::find(kTaken, setting.name) != kTaken.end();
    });
    add_plugin_options(*check, raw["check"], "options of validators and reporters", "Model and plugins");
    add_output_flags(*check, command);
    check->footer(
        "Nothing is written but with --output-dir. Exit code 3: documents were rejected.\n"
        "Examples:\n  tdamm-synth check data.json\n"
        "  tdamm-synth check data.jsonl --validator style --validator duplicates --json\n"
        "  tdamm-synth check data.csv --taxonomy tdamm36 --output-dir checked");

    auto* plugins =
        app.add_subcommand("plugins", "list, describe and check plugins; copy their data; start one of your own");
    plugins->add_option("words", command.words, "an ID to describe; or copy-data ID DIR; or new KIND ID [DIR]")
        ->type_name("[ID | copy-data ID DIR | new KIND ID [DIR]]");
    plugins->add_option("--check", command.check_file, "load this file and hold it to the contract of its kind")
        ->type_name("FILE.so");
    add_plugin_options(*plugins, raw["plugins"], "an option of the plugin that is checked", "Options");
    plugins->add_flag("--json", command.json, "as JSON");
    plugins->add_flag("--names", command.list_names, "only ids, for shell completion")->group("");
    add_settings(*plugins, raw["plugins"], [](const Setting& setting) { return setting.name == "plugin-dir"; });
    plugins->footer(
        "Examples:\n  tdamm-synth plugins\n  tdamm-synth plugins openai\n"
        "  tdamm-synth plugins copy-data tdamm my-prompts   then: generate -o prompt.dir=my-prompts\n"
        "  tdamm-synth plugins new sink mine                a project that builds, in ./mine\n"
        "  tdamm-synth plugins --check mine/build/synth-sink-mine.so");

    for (auto* sub : app.get_subcommands({})) sub->get_formatter()->column_width(34);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) return app.exit(error);  // help, version
        const auto chosen = app.get_subcommands();
        if (chosen.empty()) {
            if (argc < 2) {
                std::fputs(app.help().c_str(), stderr);
                return 2;
            }
            std::vector<std::string> names;
            for (const auto* sub : app.get_subcommands({})) names.push_back(sub->get_name());
            const auto near = nearest(argv[1], names);
            return refuse("unknown command '" + std::string(argv[1]) + "'" +
                          (near.empty() ? "" : ", did you mean '" + near + "'?") + " (see 'tdamm-synth --help')");
        }
        if (auto strays = chosen.front()->remaining(); !strays.empty())
            return refuse(unknown_argument(*chosen.front(), strays));
        return refuse(std::string(error.what()) + " (see 'tdamm-synth " + chosen.front()->get_name() + " --help')");
    }
    command.name = app.get_subcommands().front()->get_name();
    command.arguments.assign(argv + 1, argv + argc);
    auto givens = to_givens(raw[command.name]);
    if (!givens) return refuse(givens.error().message);
    command.givens = std::move(*givens);
    return command;
}

}  // namespace synth::core
