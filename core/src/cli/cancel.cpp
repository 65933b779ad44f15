// `cancel`: ends the deferred batches of a run that are out at the service. What was done by then is for `resume` to
// collect.

#include <cerrno>
#include <cstdio>

#include "base/files.hpp"
#include "base/format.hpp"
#include "cli/context.hpp"
#include "cli/finish.hpp"
#include "run/batch_session.hpp"
#include "taxonomy/taxonomy_file.hpp"

namespace synth::core {

namespace fs = std::filesystem;

int run_cancel(const Command& command) {
    int code = 0;
    const auto context = make_context(command, code);
    if (!context) return code;
    const fs::path path = fs::absolute(command.ledger).lexically_normal();
    auto reader = LedgerReader::open(path);
    if (!reader) return context->fail(reader.error());
    auto config = parse_run_config(reader->head().config_json);
    if (!config) return context->fail(config.error());
    auto lock =
        FileLock::take(path.parent_path() / (config->name + ".lock"),
                       config->name + " is running; end it first (Ctrl-C), its batches go on until they are cancelled");
    if (!lock) return context->fail(lock.error());
    auto taxonomy = parse_taxonomy(reader->head().taxonomy_json, path.string());
    if (!taxonomy) return context->fail(taxonomy.error());
    Assembly assembly(context->environment(), std::move(*taxonomy));
    auto* choice = config->find(Provider::kKind);
    if (choice == nullptr) return context->fail({ErrorCode::io, "the ledger names no provider, it is damaged", {}});
    auto provider = assembly.create<Provider>(*choice);
    if (!provider) return context->fail(provider.error());
    // A model that was shut down since is no reason to let its batches go on.
    auto described = provider->call([](Provider& p) { return p.describe(today()); });
    const ProviderInfo info = described ? *described : ProviderInfo{};
    if (!info.secret.empty() && !context->secrets.value(info.secret))
        return context->fail({ErrorCode::invalid_argument, "no API key: " + info.secret_help, "missing_key"});
    auto loop = EventLoop::make();
    if (!loop) return context->fail(loop.error());
    BatchContext batches;
    batches.config = &*config;
    batches.info = &info;
    batches.provider = &*provider;
    batches.reader = &*reader;
    batches.ledger = path;
    batches.loop = &*loop;
    batches.console = context->console.get();
    batches.secrets = &context->secrets;
    auto cancelled = cancel_batches(batches);
    if (!cancelled) return context->fail(cancelled.error());
    context->console->log(
        LogLevel::info, *cancelled == 0 ? "no batch of this run is out" : with_thousands(*cancelled) + " told to end");
    if (*cancelled > 0) {
        context->console->log(LogLevel::info,
                              "what they had done by then is collected, and the rest submitted again, by:");
        std::fprintf(stderr, "%s resume %s\n", shell_word(program_invocation_name).c_str(),
                     shell_word(path.string()).c_str());
    }
    return kAllMade;
}

}  // namespace synth::core
