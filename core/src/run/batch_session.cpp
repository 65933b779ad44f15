#include "run/batch_session.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <queue>
#include <utility>

#include "base/console.hpp"
#include "base/files.hpp"
#include "base/format.hpp"
#include "base/secrets.hpp"
#include "net/http_client.hpp"
#include "run/batch_rules.hpp"
#include "run/batch_store.hpp"
#include "run/budget.hpp"
#include "run/disk_space.hpp"
#include "run/pacing.hpp"
#include "synth/random.hpp"

namespace synth::core {

namespace {

using Clock = EventLoop::Clock;
using std::chrono::milliseconds;

// Batches and their answers are in files on the way, never in memory.
constexpr std::size_t kMostDownload = std::size_t{16} << 30U, kMostAnswer = std::size_t{8} << 20U;
constexpr std::size_t kMostLine = std::size_t{32} << 20U;  // of a downloaded file: as for a direct answer
constexpr std::size_t kPiece = std::size_t{256} << 10U;    // of a file that is written or read
constexpr std::uint64_t kUndurable = 512;                  // answers on their way to the disk
constexpr int kQueueRefusals = 20;                         // with nothing else of ours in the queue
constexpr int kFruitless = 3;                              // batches in a row without one answer: the run stops
constexpr int kPagesRead = 1000;                           // of the service's lists

/// Lines on their way into a file without a name, in large pieces.
class LineFile {
public:
    static Result<LineFile> make(const std::filesystem::path& dir) {
        auto file = nameless_file(dir);
        if (!file) return std::move(file).error();
        return LineFile(dir, std::move(*file));
    }
    Status add(std::string_view line) {
        piece_ += line;
        bytes_ += line.size();
        return piece_.size() < kPiece ? Status() : write();
    }
    /// All lines are in the file.
    Result<FileDescriptor> finish() {
        if (auto written = write(); !written) return std::move(written).error();
        return std::move(file_);
    }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

private:
    LineFile(std::filesystem::path dir, FileDescriptor file) : dir_(std::move(dir)), file_(std::move(file)) {}
    Status write() {
        if (!write_all(file_.get(), piece_)) return io_error("cannot write a batch to a file in", dir_);
        piece_.clear();
        return {};
    }

    std::filesystem::path dir_;
    FileDescriptor file_;
    std::string piece_;
    std::uint64_t bytes_ = 0;
};

/// Calls `each` with every line of a file, without its end, from the beginning; with an empty one for a line that is
/// too long.
Status each_line(const FileDescriptor& file, const std::filesystem::path& dir,
                 const std::function<Status(std::string& line)>& each) {
    std::string piece(kPiece, '\0'), line;
    bool too_long = false;
    const auto end_line = [&] {
        if (std::exchange(too_long, false)) line.clear();
        auto done = each(line);
        line.clear();
        return done;
    };
    for (off_t at = 0;;) {
        const auto got = ::pread(file.get(), piece.data(), piece.size(), at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return io_error("cannot read a batch's answers from a file in", dir);
        if (got == 0) break;
        at += got;
        for (std::string_view rest(piece.data(), static_cast<std::size_t>(got)); !rest.empty();) {
            const auto end = std::min(rest.find('\n'), rest.size());
            too_long = too_long || line.size() + end > kMostLine;
            if (!too_long) line += rest.substr(0, end);
            if (end == rest.size()) break;
            rest.remove_prefix(end + 1);
            if (auto done = end_line(); !done) return done;
        }
    }
    return line.empty() && !too_long ? Status() : end_line();
}

/// The service, spoken to one call after the other.
class Service {
public:
    Service(const BatchContext& context, const BatchCodec& codec, HttpClient& http, std::function<bool()> given_up,
            std::function<void()> meanwhile)
        : c_(context),
          codec_(codec),
          http_(http),
          given_up_(std::move(given_up)),
          meanwhile_(std::move(meanwhile)),
          jitter_(static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count())) {}

    /// What came back, whatever it was. unavailable: nothing did, and the request may have been carried out.
    Result<HttpResponse> send(const HttpRequest& request, std::size_t max_body = kMostAnswer, HttpFiles files = {}) {
        std::string authorization;
        if (request.auth)
            if (const auto secret = c_.secrets->value(request.auth->secret))
                authorization = request.auth->header + ": " + request.auth->prefix + std::string(*secret);
        const auto result = std::make_shared<std::optional<HttpResult>>();
        http_.send(
            request, authorization, max_body, [result](HttpResult&& came) { *result = std::move(came); },
            std::move(files));
        while (!*result && !given_up_()) {
            c_.loop->turn();
            meanwhile_();
        }
        if (!*result) {
            http_.abandon();
            return Error{ErrorCode::unavailable, "stopped while waiting for the service", "stopped"};
        }
        if (auto* error = std::get_if<TransportError>(&(*result)->outcome))
            return Error{error->fatal              ? ErrorCode::unauthorized
                         : error->reason == "file" ? ErrorCode::io
                                                   : ErrorCode::unavailable,
                         error->message, error->reason};
        auto response = std::get<HttpResponse>(std::move((*result)->outcome));
        c_.secrets->redact(response.body);
        return response;
    }

    /// A question that may be asked again: it is, for as long as the run has patience.
    template <class Read>
    auto ask(const HttpRequest& request, Read read, std::size_t max_body = kMostAnswer, const HttpFiles& files = {})
        -> decltype(read(HttpResponse{})) {
        const auto until = Clock::now() + std::chrono::seconds(c_.config->give_up_after_s);
        for (std::uint32_t failures = 1;; ++failures) {
            auto response = send(request, max_body, files);
            std::optional<Error> error;
            if (response) {
                auto value = read(*response);
                if (value.ok()) return value;
                error = value.error();
            } else {
                error = response.error();
            }
            if (!passes(*error) || Clock::now() > until || !wait(failures)) return std::move(*error);
        }
    }

    /// Whether the same may succeed later.
    static bool passes(const Error& error) {
        return error.code == ErrorCode::unavailable || error.code == ErrorCode::rate_limited ||
               error.code == ErrorCode::malformed;
    }

    /// False: the run is to stop.
    bool wait(std::uint32_t failures) {
        return wait_until(Clock::now() +
                          backoff(failures, milliseconds(static_cast<std::int64_t>(jitter_.below(1000)))));
    }
    bool wait_until(SteadyTime when) {
        bool due = false;
        const auto timer = c_.loop->at(when, [&due] { due = true; });
        while (!due && !stopping_) {
            c_.loop->turn();
            meanwhile_();
        }
        if (!due) c_.loop->cancel(timer);
        return due;
    }
    void stop() { stopping_ = true; }

    /// A batch with that tag that is not one whose submission was refused; nothing: there is none.
    Result<std::optional<BatchState>> find_batch(const std::string& tag) {
        std::string after;
        for (int page = 0; page < kPagesRead; ++page) {
            auto batches = ask(codec_.list_batches(after), [this](const HttpResponse& r) { return codec_.batches(r); });
            if (!batches) return std::move(batches).error();
            for (auto& batch : batches->items)
                if (batch.tag == tag && batch.phase != BatchState::Phase::refused &&
                    batch.phase != BatchState::Phase::queue_full)
                    return std::optional(std::move(batch));
            if (batches->next.empty()) break;
            after = batches->next;
        }
        return std::optional<BatchState>();
    }
    Result<std::optional<std::string>> find_file(const std::string& name) {
        std::string after;
        for (int page = 0; page < kPagesRead; ++page) {
            auto files = ask(codec_.list_files(after), [this](const HttpResponse& r) { return codec_.files(r); });
            if (!files) return std::move(files).error();
            for (auto& file : files->items)
                if (file.name == name) return std::optional(std::move(file.id));
            if (files->next.empty()) break;
            after = files->next;
        }
        return std::optional<std::string>();
    }

private:
    const BatchContext& c_;
    const BatchCodec& codec_;
    HttpClient& http_;
    std::function<bool()> given_up_;
    std::function<void()> meanwhile_;
    Random jitter_;
    bool stopping_ = false;
};

Result<std::unique_ptr<HttpClient>> client_of(const BatchContext& context) {
    HttpOptions options;
    options.timeout = milliseconds(std::int64_t{1000} * context.config->timeout_s);
    options.window = 1;
    options.buffers = 2 * kMostAnswer;
    options.ca_file = context.config->ca_file;
    options.user_agent = "tdamm-synth/" TDAMM_SYNTH_VERSION;
    return HttpClient::make(*context.loop, options);
}

std::string file_name(const StoredBatch& batch) { return "tdamm-synth-" + batch.tag + ".jsonl"; }

std::string custom_id(const StoredBatch& batch, std::uint64_t sample, std::uint32_t attempt) {
    return batch.tag.substr(0, batch.tag.find('-')) + "-" + std::to_string(sample) + "-" + std::to_string(attempt);
}

/// Sample and attempt of a custom id of this run; nothing: it is another's.
std::optional<std::pair<std::uint64_t, std::uint32_t>> parse_custom_id(std::string_view id, std::string_view run) {
    if (!id.starts_with(run) || id.size() <= run.size() || id[run.size()] != '-') return std::nullopt;
    id.remove_prefix(run.size() + 1);
    std::pair<std::uint64_t, std::uint32_t> parsed;
    const auto* end = id.data() + id.size();
    const auto sample = std::from_chars(id.data(), end, parsed.first);
    if (sample.ec != std::errc() || sample.ptr == end || *sample.ptr != '-') return std::nullopt;
    const auto attempt = std::from_chars(sample.ptr + 1, end, parsed.second);
    return attempt.ec == std::errc() && attempt.ptr == end ? std::optional(parsed) : std::nullopt;
}

class BatchSession {
public:
    BatchSession(const BatchContext& context, const BatchCodec& codec, std::unique_ptr<HttpClient> http)
        : c_(context),
          config_(*context.config),
          codec_(codec),
          http_(std::move(http)),
          service_(
              context, codec, *http_, [this] { return hard_stop_; }, [this] { show(); }),
          budget_(config_.budget, context.writer->initial().spent + context.writer->initial().reserved +
                                      context.writer->initial().unaccounted),
          disk_(context.ledger.parent_path()),
          first_(context.reader->head().first),
          samples_(context.reader->head().samples),
          most_lines_(most_lines(codec.limits(), config_)) {}

    /// The loop outlives this, and what is to be called later does not.
    ~BatchSession() {
        for (const auto timer : {tick_timer_, hard_stop_timer_})
            if (timer != 0) c_.loop->cancel(timer);
    }
    BatchSession(const BatchSession&) = delete;
    BatchSession& operator=(const BatchSession&) = delete;

    BatchSessionResult run() {
        if (auto ready = prepare(); !ready) {
            stop(ready.error().code == ErrorCode::io ? End::io : End::internal, ready.error().message);
            return result();
        }
        while (!stop_) {
            if (auto done = turn(); !done) {
                const auto& error = done.error();
                if (stop_) break;
                stop(error.code == ErrorCode::io         ? End::io
                     : error.code == ErrorCode::internal ? End::internal
                                                         : End::refused,
                     error.message);
            }
            if (finished_) break;
        }
        c_.writer->set_active(std::chrono::duration_cast<milliseconds>(Clock::now() - began_).count());
        if (auto flushed = c_.writer->flush(); !flushed && !stop_) stop(End::io, flushed.error().message);
        show(true);
        return result();
    }

private:
    struct Out {
        StoredBatch stored;
        BatchState state;  ///< as it was last seen
        SteadyTime next_look{};
        milliseconds interval{};
        std::size_t made_with = 0;  ///< remedies that were known then; 0 also: in an earlier session
        std::uint32_t round = 1;    ///< 1 also: in an earlier session
    };

    /// Of a batch whose answers are taken in.
    struct Line {
        BatchLine asked;
        SampleSpec spec;
        bool answered = false;

        [[nodiscard]] std::uint64_t sample() const noexcept { return asked.sample; }
    };

    Status prepare() {
        auto states = sample_states(*c_.reader);
        if (!states) return std::move(states).error();
        states_ = std::move(*states);
        accepted_ = static_cast<std::uint64_t>(std::ranges::count(states_, 'a'));
        accepted_before_ = accepted_;
        held_ = static_cast<std::uint64_t>(std::ranges::count(states_, 'h'));
        auto learned = c_.reader->remedies(c_.info->endpoint, c_.info->model);
        if (!learned) return std::move(learned).error();
        remedies_ = std::move(*learned);
        auto run_id = batch_run_id(*c_.reader, *c_.writer);
        if (!run_id) return std::move(run_id).error();
        run_id_ = std::move(*run_id);
        auto open = open_batches(*c_.reader);
        if (!open) return std::move(open).error();
        for (auto& stored : *open) {
            auto lines = open_lines(*c_.reader, stored.id);
            if (!lines) return std::move(lines).error();
            for (const auto& line : *lines) states_[line.sample - first_] = 'o';
            // It has been promised before: it stays reserved even where the cap was lowered since.
            if (!budget_.reserve(stored.bound)) budget_.settle({}, stored.bound);
            open_lines_ += stored.open;
            out_.push_back({std::move(stored), {}, {}, first_interval(), 0, 1});
        }
        auto handled = c_.loop->handle_signals(ending_signals(), [this](int signal) { on_signal(signal); });
        if (!handled) return handled;
        c_.loop->on_wake([] {});
        began_ = Clock::now();
        tick();
        plan_ = c_.reader->plan();
        event("started", "in batches, " + std::to_string(samples_ - accepted_) + " samples to make, " +
                             std::to_string(out_.size()) + " batches from before");
        // Whatever had not been noted as submitted may be at the service nevertheless.
        for (std::size_t i = 0; i < out_.size() && !stop_; ++i) {
            if (auto sent = send_out(out_[i], {}, true); !sent)
                return sent.error().code == ErrorCode::io ? sent : refused(sent.error());
            out_[i].next_look = Clock::now();
        }
        return {};
    }

    Status refused(const Error& error) {
        stop(End::refused, error.message);
        return {};
    }

    Status turn() {
        while (!stop_ && out_.size() < kMostBatchesOut && wants_another())
            if (auto made = another_batch(); !made) return made;
        if (stop_) return {};
        if (out_.empty()) {
            if (retry_.empty() && fresh_done_ && !put_back_) {
                finished_ = true;
            } else if (budget_full_) {
                stop(End::budget, "the budget of " + dollars(*budget_.cap()) +
                                      " is reached: " + dollars(*budget_.cap() - budget_.spent()) +
                                      " are left, less than the next request may cost");
            } else if (direct_now()) {
                finished_ = hand_over_ = true;
            }
            return {};
        }
        const auto next = std::ranges::min_element(out_, {}, [](const Out& out) { return out.next_look; });
        if (!service_.wait_until(next->next_look)) return {};
        return look_at(static_cast<std::size_t>(next - out_.begin()));
    }

    [[nodiscard]] bool direct_now() const {
        return config_.finish_direct && fresh_done_ && !put_back_ && !retry_.empty() &&
               are_few(retry_.size(), samples_);
    }

    /// Fresh samples go out at once; those that failed in rounds.
    [[nodiscard]] bool wants_another() const {
        if (queue_full() || budget_full_) return false;
        if (!fresh_done_ || put_back_) return true;
        if (direct_now()) return false;
        return rounds_.due(retry_.size(), most_lines_, out_, &Out::round);
    }

    /// The service's queue, by what the user said or by its own refusal.
    [[nodiscard]] bool queue_full() const {
        if (queue_full_) return true;
        if (std::ranges::any_of(out_, [](const Out& out) { return out.stored.state == StoredBatch::State::uploaded; }))
            return true;
        return config_.queued_tokens > 0 && queued_tokens() >= static_cast<std::int64_t>(config_.queued_tokens);
    }
    [[nodiscard]] std::int64_t queued_tokens() const {
        std::int64_t tokens = 0;
        for (const auto& out : out_) tokens += out.stored.tokens;
        return tokens;
    }

    /// The next sample to ask for: those that failed first, lowest first; nothing: none at the moment.
    Result<std::unique_ptr<Job>> next_job() {
        if (put_back_) return std::move(put_back_);
        for (;;) {
            SampleSpec spec;
            if (!retry_.empty() && (fresh_done_ || retry_.size() >= most_lines_)) {
                auto found = spec_of(retry_.top());
                if (!found) return std::move(found).error();
                retry_.pop();
                spec = *found;
            } else {
                auto got = plan_->next(std::span(&spec, 1));
                if (!got) return std::move(got).error();
                if (*got == 0) {
                    fresh_done_ = true;
                    return std::unique_ptr<Job>();
                }
                const char state = states_[spec.index - first_];
                if (state != 'u' && state != 'b') continue;
            }
            auto job = recall(spec);
            if (!job || (*job)->attempts < config_.max_attempts) return job;
            states_[spec.index - first_] = 'm';  // an earlier session used its attempts up
            ++missing_;
        }
    }

    /// In a round they come in order, so that its plan is read once.
    Result<SampleSpec> spec_of(std::uint64_t index) {
        if (!retry_plan_ || index < retry_next_) retry_plan_ = c_.reader->plan(index);
        SampleSpec spec;
        if (auto found = advance(*retry_plan_, index, spec); !found) return std::move(found).error();
        retry_next_ = index + 1;
        return spec;
    }

    Result<std::unique_ptr<Job>> recall(const SampleSpec& spec) {
        auto job = std::make_unique<Job>();
        job->spec = spec;
        if (states_[spec.index - first_] == 'u') return job;
        auto calls = c_.reader->calls_of(spec.index);
        if (!calls) return std::move(calls).error();
        for (const auto& call : *calls) {
            if (is_attempt(call.row.outcome)) job->attempts = std::max(job->attempts, call.row.attempt);
            if (call.row.outcome == Outcome::rejected) job->earlier.push_back(Pipeline::to_attempt(call));
        }
        return job;
    }

    /// Fills a file as far as lines, bytes, queue and budget allow, notes it, and sends it out.
    Status another_batch() {
        auto file = LineFile::make(disk_.dir());
        if (!file) return std::move(file).error();
        std::vector<BatchLine> lines;
        StoredBatch batch;
        batch.tag = run_id_ + "-";
        const auto most_bytes = codec_.limits().bytes;
        const auto queue =
            config_.queued_tokens > 0
                ? std::max<std::int64_t>(0, static_cast<std::int64_t>(config_.queued_tokens) - queued_tokens())
                : std::numeric_limits<std::int64_t>::max();
        std::uint32_t round = 1;
        while (lines.size() < most_lines_) {
            auto job = next_job();
            if (!job) return std::move(job).error();
            if (!*job) break;
            auto prepared = c_.pipeline->prepare(**job, remedies_);
            if (!prepared) {
                cannot_ask(**job, prepared.error());
                continue;
            }
            const auto* request = std::get_if<HttpRequest>(&prepared->exchange);
            if (request == nullptr)
                return Error{ErrorCode::internal, "the provider has batches but answers in process", "batch"};
            const auto attempt = (*job)->attempts + 1;
            std::string line = codec_.line(*request, custom_id(batch, (*job)->spec.index, attempt));
            const auto tokens = prepared->input_bound;
            const auto bound =
                most_cost_of(*c_.provider, tokens, prepared->output_bound, {c_.info->model, {}, Billing::Mode::batch});
            if (config_.budget && !bound)
                return Error{ErrorCode::invalid_argument,
                             "--budget: the price of model '" + c_.info->model +
                                 "' in batches is not known, so the cap cannot be kept",
                             "unpriced"};
            const bool too_much = batch.tokens + tokens.count > queue;
            if (!lines.empty() && (file->bytes() + line.size() > most_bytes || too_much)) {
                queue_full_ = too_much;
                put_back_ = std::move(*job);
                break;
            }
            if (!budget_.reserve(bound.value_or(PicoUsd{}))) {
                budget_full_ = true;
                put_back_ = std::move(*job);
                break;
            }
            batch.tokens += tokens.count;
            batch.bound += bound.value_or(PicoUsd{});
            if (auto written = file->add(line); !written) return written;
            if (states_[(*job)->spec.index - first_] == 'r') round = rounds_.next();
            lines.push_back({(*job)->spec.index, attempt, bound.value_or(PicoUsd{})});
            states_[(*job)->spec.index - first_] = 'o';
        }
        if (lines.empty()) return {};
        auto text = file->finish();
        if (!text) return std::move(text).error();
        std::ranges::sort(lines, {}, &BatchLine::sample);
        batch.open = batch.lines = lines.size();
        if (auto noted = store_intent(*c_.writer, run_id_, batch, lines); !noted) return noted;
        open_lines_ += batch.lines;
        out_.push_back({std::move(batch), {}, {}, first_interval(), remedies_.size(), round});
        auto sent = send_out(out_.back(), std::move(*text), false);
        if (!sent && sent.error().reason == kNoBatches && out_.back().stored.state == StoredBatch::State::intended)
            if (auto dropped = drop(out_.size() - 1); !dropped) return dropped;
        return sent;
    }

    /// A sample whose request cannot even be written.
    void cannot_ask(const Job& job, const Error& error) {
        CallEntry entry;
        entry.row.sample = job.spec.index;
        entry.row.attempt = job.attempts + 1;
        entry.row.role = "write";
        entry.row.outcome = Outcome::failed;
        entry.error = error.code;
        entry.row.reason = error.counted_as();
        entry.row.message = error.message;
        entry.row.began = entry.row.ended = now();
        say(entry);
        c_.writer->append(std::move(entry));
        states_[job.spec.index - first_] = 'm';
        ++missing_;
    }

    /// The lines of a batch as they were, from the ledger alone.
    Result<FileDescriptor> text_of(const StoredBatch& batch) {
        auto lines = open_lines(*c_.reader, batch.id);
        if (!lines) return std::move(lines).error();
        auto text = LineFile::make(disk_.dir());
        if (!text) return std::move(text).error();
        auto plan = c_.reader->plan(lines->empty() ? first_ : lines->front().sample);
        SampleSpec spec;
        for (const auto& line : *lines) {
            if (auto found = advance(*plan, line.sample, spec); !found) return std::move(found).error();
            states_[line.sample - first_] = 'b';
            auto job = recall(spec);
            states_[line.sample - first_] = 'o';
            if (!job) return std::move(job).error();
            auto prepared = c_.pipeline->prepare(**job, remedies_);
            if (!prepared) return std::move(prepared).error();
            const auto* request = std::get_if<HttpRequest>(&prepared->exchange);
            if (request == nullptr)
                return Error{ErrorCode::internal, "the provider has batches but answers in process", "batch"};
            if (auto written = text->add(codec_.line(*request, custom_id(batch, line.sample, line.attempt))); !written)
                return std::move(written).error();
        }
        return text->finish();
    }

    static Status advance(PlanStream& plan, std::uint64_t index, SampleSpec& spec) {
        do {
            auto got = plan.next(std::span(&spec, 1));
            if (!got) return std::move(got).error();
            if (*got == 0) return Error{ErrorCode::io, "the plan in the ledger is damaged", kDamaged};
        } while (spec.index != index);
        return {};
    }

    /// Uploads and submits, as far as that has not happened. `text`: the lines; none: made again when they are needed.
    /// `unsure`: it may have happened without our knowing, so the service's lists are looked at first.
    Status send_out(Out& out, FileDescriptor text, bool unsure) {
        StoredBatch& batch = out.stored;
        const auto until = Clock::now() + std::chrono::seconds(config_.give_up_after_s);
        // Something went wrong: true to try again after looking at the lists.
        const auto again = [&](const Error& error, std::uint32_t& failures) {
            unsure = true;
            return Service::passes(error) && Clock::now() < until && service_.wait(++failures);
        };
        for (std::uint32_t failures = 0; batch.state == StoredBatch::State::intended;) {
            if (unsure) {
                auto found = service_.find_file(file_name(batch));
                if (!found) return std::move(found).error();
                if (*found) batch.file = std::move(**found);
            }
            if (batch.file.empty()) {
                if (!text) {
                    auto made = text_of(batch);
                    if (!made) return std::move(made).error();
                    text = std::move(*made);
                }
                auto [request, tail] = codec_.upload(file_name(batch));
                auto response = service_.send(request, kMostAnswer, {text.get(), std::move(tail), -1});
                auto file = response ? codec_.uploaded(*response) : Result<BatchFile>(response.error());
                if (!file) {
                    if (again(file.error(), failures)) {
                        batch.file.clear();
                        continue;
                    }
                    return std::move(file).error();
                }
                batch.file = std::move(file->id);
            }
            batch.state = StoredBatch::State::uploaded;
            if (auto stored = store_state(*c_.writer, batch); !stored) return stored;
        }
        for (std::uint32_t failures = 0; batch.state == StoredBatch::State::uploaded;) {
            if (stop_) return {};
            std::optional<BatchState> state;
            if (unsure) {
                auto found = service_.find_batch(batch.tag);
                if (!found) return std::move(found).error();
                state = std::move(*found);
            }
            if (!state) {
                auto response = service_.send(codec_.submit(batch.file, batch.tag));
                auto submitted = response ? codec_.state(*response) : Result<BatchState>(response.error());
                if (!submitted) {
                    if (again(submitted.error(), failures)) continue;
                    return std::move(submitted).error();
                }
                state = std::move(*submitted);
            }
            batch.state = StoredBatch::State::submitted;
            batch.server = state->id;
            batch.submitted = now();
            if (auto stored = store_state(*c_.writer, batch); !stored) return stored;
            event("batch", "batch " + batch.server + " submitted: " + std::to_string(batch.open) + " requests");
            c_.console->log(LogLevel::info, "batch " + std::to_string(batch.id) + " (" + batch.server +
                                                "): submitted with " + with_thousands(batch.open) + " requests");
            out.state = std::move(*state);
        }
        out.next_look = Clock::now() + out.interval;
        return {};
    }

    Status look_at(std::size_t place) {
        Out& out = out_[place];
        if (out.stored.state != StoredBatch::State::submitted) return send_out(out, {}, false);  // the queue was full
        auto state =
            service_.ask(codec_.look(out.stored.server), [this](const HttpResponse& r) { return codec_.state(r); });
        if (!state) return std::move(state).error();
        if (state->status != out.state.status)
            c_.console->log(LogLevel::info,
                            "batch " + std::to_string(out.stored.id) + " (" + out.stored.server +
                                "): " + state->status + ", " + with_thousands(state->done) + " of " +
                                with_thousands(state->total) + " done" +
                                (state->failed > 0 ? ", " + with_thousands(state->failed) + " failed" : ""));
        out.state = std::move(*state);
        out.interval = next_interval(out.interval);
        out.next_look = Clock::now() + out.interval;
        switch (out.state.phase) {
            case BatchState::Phase::waiting:
            case BatchState::Phase::running: return {};
            case BatchState::Phase::ended: return collect(place);
            case BatchState::Phase::queue_full: {
                event("batch", "batch " + out.stored.server + " has to wait: " + out.state.error);
                c_.console->log(LogLevel::info,
                                "batch " + std::to_string(out.stored.id) +
                                    ": the service has too much in its queue; submitted again when there is room");
                out.stored.state = StoredBatch::State::uploaded;
                out.stored.server.clear();
                if (out_.size() == 1 && ++queue_refusals_ >= kQueueRefusals)
                    return Error{ErrorCode::exhausted,
                                 "the service's queue has had no room for batch " + std::to_string(out.stored.id) +
                                     " for " + std::to_string(kQueueRefusals) + " tries (" + out.state.error +
                                     "); smaller ones may fit: --batch-lines N, --queued-tokens N",
                                 "queue_full"};
                return store_state(*c_.writer, out.stored);
            }
            case BatchState::Phase::refused: break;
        }
        // Not one of its lines was worked on; the next one would meet the same.
        const auto message = "batch " + out.stored.server + " was refused: " + out.state.error;
        event("batch", message);
        if (auto done = drop(place); !done) return done;
        return Error{ErrorCode::exhausted, message, "batch_refused"};
    }

    /// Forgets a batch of which the service has worked on nothing.
    Status drop(std::size_t place) {
        const auto id = out_[place].stored.id;
        auto lines = open_lines(*c_.reader, id);
        if (!lines) return std::move(lines).error();
        for (const auto& line : *lines) {
            budget_.release(line.bound);
            --open_lines_;
            states_[line.sample - first_] = 'b';
        }
        out_.erase(out_.begin() + static_cast<std::ptrdiff_t>(place));
        queue_full_ = false;
        return store_collected(*c_.writer, id);
    }

    /// Takes in all that an ended batch has brought, and settles the rest of its lines.
    Status collect(std::size_t place) {
        const StoredBatch batch = out_[place].stored;
        const BatchState state = out_[place].state;
        const auto made_with = out_[place].made_with;
        const auto round = out_[place].round;
        if (!disk_.has_room(batch.open, Clock::now())) {
            stop(End::io, "the disk is full: " + megabytes(disk_.free()) + " are free at " + disk_.dir().string() +
                              ", " + megabytes(disk_.needed(batch.open)) +
                              " are needed to take a batch in; it stays at the service, make room and resume");
            return {};
        }
        auto stored = open_lines(*c_.reader, batch.id);
        if (!stored) return std::move(stored).error();
        std::vector<Line> lines;
        lines.reserve(stored->size());
        if (!stored->empty()) {
            auto plan = c_.reader->plan(stored->front().sample);
            for (const auto& line : *stored) {
                lines.push_back({line, {}, false});
                if (auto found = advance(*plan, line.sample, lines.back().spec); !found) return found;
            }
        }
        std::uint64_t answers = 0, taken_in = 0, strays = 0;
        for (const auto& file : {state.output_file, state.error_file}) {
            if (file.empty()) continue;
            auto body = nameless_file(disk_.dir());
            if (!body) return std::move(body).error();
            auto downloaded = service_.ask(codec_.download(file),
                                           [this](const HttpResponse& response) { return codec_.downloaded(response); },
                                           kMostDownload, {-1, {}, body->get()});
            if (!downloaded) {
                if (downloaded.error().reason != kNoBatches) return downloaded;
                c_.console->log(LogLevel::warning,
                                "batch " + batch.server + ": file " + file + " is not there any more");
                continue;
            }
            auto read = each_line(*body, disk_.dir(), [&](std::string& text) -> Status {
                if (text.find_first_not_of(" \r\t") == std::string::npos) return {};
                c_.secrets->redact(text);
                auto answer = codec_.answer(text);
                const auto id = answer ? parse_custom_id(answer->custom_id, run_id_) : std::nullopt;
                const auto found = id ? std::ranges::lower_bound(lines, id->first, {}, &Line::sample) : lines.end();
                // Joined on the custom id alone; a second answer to the same line is none.
                if (found == lines.end() || found->asked.sample != id->first || found->asked.attempt != id->second ||
                    std::exchange(found->answered, true)) {
                    ++strays;
                    return {};
                }
                auto taken = take(batch, found->asked, found->spec, std::move(*answer), made_with, round);
                if (!taken) return std::move(taken).error();
                answers += *taken ? 1U : 0U;
                show();
                // What waits for the disk is in memory.
                return ++taken_in % kUndurable == 0 ? c_.writer->flush() : Status();
            });
            if (!read) return read;
        }
        // What neither file has: time ran out, it was cancelled, or a file is missing.
        const bool cut_short = state.status == "expired" || state.status == "cancelled";
        for (const auto& line : lines) {
            if (line.answered) continue;
            BatchAnswer none;
            none.expired = cut_short;
            none.error = cut_short
                             ? "the batch " + std::string(state.status == "expired" ? "expired" : "was cancelled") +
                                   " before this request"
                             : "the batch ended without an answer to this request";
            auto taken = take(batch, line.asked, line.spec, std::move(none), made_with, round);
            if (!taken) return std::move(taken).error();
        }
        if (auto done = store_collected(*c_.writer, batch.id); !done) return done;
        std::ranges::move(learned_, std::back_inserter(remedies_));
        learned_.clear();
        out_.erase(out_.begin() + static_cast<std::ptrdiff_t>(place));
        budget_full_ = queue_full_ = false;
        queue_refusals_ = 0;
        batch_done_ = true;
        const std::string line = "batch " + batch.server + " " + state.status + ": " + std::to_string(answers) +
                                 " of " + std::to_string(batch.lines) + " requests answered" +
                                 (strays > 0 ? ", " + std::to_string(strays) + " lines that were not asked for" : "");
        event("batch", line);
        c_.console->log(strays > 0 ? LogLevel::warning : LogLevel::info, line);
        // Others of ours may be waiting for room in the queue.
        for (auto& out : out_)
            if (out.stored.state == StoredBatch::State::uploaded)
                out.next_look = Clock::now(), out.interval = first_interval();
        fruitless_ = answers > 0 ? 0 : fruitless_ + 1;
        if (fruitless_ >= kFruitless)
            stop(End::refused, std::to_string(kFruitless) + " batches in a row brought no answer, the last: " +
                                   state.status + (last_error_.empty() ? "" : ", " + last_error_));
        return {};
    }

    /// Records what came of one line; whether it was an answer of the model.
    Result<bool> take(const StoredBatch& batch, const BatchLine& line, const SampleSpec& spec, BatchAnswer answer,
                      std::size_t made_with, std::uint32_t round) {
        states_[line.sample - first_] = 'b';
        auto job = recall(spec);
        if (!job) return std::move(job).error();
        auto prepared = c_.pipeline->prepare(**job, remedies_);
        if (!prepared) return std::move(prepared).error();
        (*job)->prepared = std::move(*prepared);
        Reply reply;
        int status = 0;
        if (answer.response) {
            c_.secrets->redact(answer.response->body);
            status = answer.response->status;
            reply = c_.pipeline->decode(**job, remedies_, *answer.response);
            if (reply.error && !reply.remedy && made_with < remedies_.size()) {
                // Refused for what has been learned since the line was made.
                auto as_made = c_.pipeline->decode(**job, {}, *answer.response);
                if (as_made.remedy) reply = std::move(as_made);
            }
        } else {
            reply.error = Error{ErrorCode::unavailable, std::move(answer.error),
                                answer.expired ? "batch_expired" : "batch_failed"};
        }
        if (reply.error) last_error_ = reply.error->message;
        auto decision = c_.pipeline->decide(**job, std::move(reply));
        CallEntry& entry = decision.entry;
        CallRow& row = entry.row;
        if (answer.expired && !answer.response) {
            row.outcome = Outcome::throttled;  // it was never worked on: not an attempt
            decision.next = Next::repeat;
        }
        if (row.usage) row.cost = cost_of(*c_.provider, *row.usage, {row.model, row.tier, Billing::Mode::batch});
        row.began = batch.submitted;
        row.ended = now();
        row.sent = true;
        entry.status = status;
        entry.batch = batch.id;
        if (entry.text.empty() && row.outcome == Outcome::rejected && answer.response)
            entry.text = answer.response->body.substr(0, 65536);

        const bool paid = is_paid(row.outcome);
        if (row.cost || paid) {
            budget_.settle(line.bound, row.cost);
            if (!row.cost) row.reserved = line.bound;
        } else {
            budget_.release(line.bound);
        }
        if (row.usage) {
            input_tokens_ += row.usage->input.count;
            output_tokens_ += row.usage->output.count;
        }
        --open_lines_;
        say(entry);
        const auto known = [&](const std::vector<Remedy>& list) {
            return std::ranges::find(list, *decision.remedy) != list.end();
        };
        if (decision.remedy && !known(remedies_) && !known(learned_)) {
            learned_.push_back(*decision.remedy);  // for the next file: the lines of this one were made without
            c_.writer->append(LearnedRemedy{c_.info->endpoint, c_.info->model, *decision.remedy});
            event("remedy", row.message);
        }
        const auto attempts = (*job)->attempts + (is_attempt(row.outcome) ? 1U : 0U);
        char& place = states_[line.sample - first_];
        if (row.outcome == Outcome::accepted) {
            ++accepted_;
            place = 'a';
        } else if (row.outcome == Outcome::held) {
            ++held_;
            place = 'h';
        } else if (decision.next == Next::stop_run) {
            stop(End::refused, row.message);
        } else if (decision.next == Next::give_up || attempts >= config_.max_attempts) {
            ++missing_;
            place = 'm';
        } else {
            rounds_.on_failed(round, retry_.size());
            retry_.push(line.sample);
            place = 'r';
        }
        c_.writer->append(std::move(entry));
        return paid;
    }

    void say(const CallEntry& entry) {
        const CallRow& row = entry.row;
        const std::string who = "sample " + std::to_string(row.sample + 1);
        const auto line = [&](const std::string& text) {
            ++warnings_;
            c_.console->log(warnings_ <= kWarningsShown ? LogLevel::warning : LogLevel::debug, text);
        };
        if (row.outcome == Outcome::accepted || row.outcome == Outcome::held) {
            for (const auto& finding : row.findings) line(who + ": " + finding.message);
        } else {
            line(who + ", attempt " + std::to_string(row.attempt) + ": " + std::string(name_of(row.outcome)) + ", " +
                 row.message);
        }
    }

    void on_signal(int signal) {
        signal_ = signal;
        if (stop_ && *stop_ == End::interrupted) {
            hard_stop_ = true;
            return;
        }
        stop(End::interrupted, std::string(signal == SIGINT   ? "interrupted"
                                           : signal == SIGHUP ? "the terminal went away"
                                                              : "told to terminate") +
                                   (out_.empty() ? ""
                                                 : "; " + with_thousands(out_.size()) +
                                                       " batches go on without this program: 'resume' "
                                                       "collects them, 'cancel' with the ledger cancels them"));
        hard_stop_timer_ = c_.loop->at(Clock::now() + std::chrono::seconds(config_.drain_timeout_s), [this] {
            hard_stop_timer_ = 0;
            hard_stop_ = true;
        });
    }

    void stop(End end, std::string message) {
        if (stop_) return;
        stop_ = end;
        message_ = std::move(message);
        event("stopped", message_);
        service_.stop();
    }

    void tick() {
        tick_timer_ = c_.loop->at(Clock::now() + kTick, [this] { tick(); });
    }

    [[nodiscard]] milliseconds first_interval() const { return milliseconds(config_.poll_ms); }

    /// "3 batches: 1 validating, 2 in_progress; 812 of 1,500 done, 3 failed, oldest 12 min, expires in 23 h"
    std::string describe() const {
        if (out_.empty()) return "no batch is out";
        std::map<std::string, std::uint64_t> by_status;
        std::uint64_t done = 0, failed = 0, total = 0;
        TimePoint oldest = TimePoint::max();
        std::optional<TimePoint> expires;
        for (const auto& out : out_) {
            ++by_status[out.stored.state != StoredBatch::State::submitted ? "waiting for room"
                        : out.state.status.empty()                        ? "submitted"
                                                                          : out.state.status];
            done += out.state.done;
            failed += out.state.failed;
            total += out.stored.lines;
            if (out.stored.submitted != TimePoint{}) oldest = std::min(oldest, out.stored.submitted);
            if (out.state.expires) expires = std::min(expires.value_or(TimePoint::max()), *out.state.expires);
        }
        std::string text = std::to_string(out_.size()) + (out_.size() == 1 ? " batch:" : " batches:");
        for (bool first = true; const auto& [status, count] : by_status) {
            text += (first ? " " : ", ") + std::to_string(count) + " " + status;
            first = false;
        }
        text += "; " + with_thousands(done) + " of " + with_thousands(total) + " done" +
                (failed > 0 ? ", " + with_thousands(failed) + " failed" : "");
        const auto seconds = [](auto duration) {
            return static_cast<double>(std::chrono::duration_cast<std::chrono::seconds>(duration).count());
        };
        if (oldest != TimePoint::max()) text += ", oldest " + duration_text(std::max(0.0, seconds(now() - oldest)));
        if (expires && *expires > now()) text += ", expires in " + duration_text(seconds(*expires - now()));
        return text;
    }

    void show(bool last = false) {
        const auto now_steady = Clock::now();
        if (!c_.watch || (!last && !batch_done_ && now_steady - shown_ < kTick / 2)) return;
        shown_ = now_steady;
        Snapshot s;
        s.samples = samples_;
        s.accepted = s.answered = accepted_;
        s.missing = missing_;
        s.in_flight = open_lines_;
        s.waiting = retry_.size();
        s.window = s.window_maximum = static_cast<std::uint32_t>(std::min<std::uint64_t>(open_lines_, kMostAtOnce));
        s.seconds = std::chrono::duration<double>(now_steady - began_).count();
        s.per_second = s.seconds > 0 ? static_cast<double>(accepted_ - accepted_before_) / s.seconds : 0;
        s.input_tokens = c_.writer->initial().input_tokens + input_tokens_;
        s.output_tokens = c_.writer->initial().output_tokens + output_tokens_;
        s.spent = budget_.spent();
        s.reserved = budget_.reserved();
        s.priced = !c_.info->prices_as_of.empty();
        s.budget = budget_.cap();
        s.state = stop_ ? "stopping" : describe();
        s.batch_done = std::exchange(batch_done_, false);
        c_.watch(s);
    }

    BatchSessionResult result() {
        BatchSessionResult result;
        result.session.end = stop_.value_or(End::finished);
        result.session.signal = signal_;
        result.session.message = message_;
        result.session.accepted = accepted_;
        result.session.missing = samples_ - accepted_;
        result.hand_over = !stop_ && (hand_over_ || held_ > 0);
        return result;
    }

    void event(std::string kind, std::string detail) {
        c_.writer->append(RunEvent{now(), std::move(kind), std::move(detail)});
    }

    const BatchContext& c_;
    const RunConfig& config_;
    const BatchCodec& codec_;
    std::unique_ptr<HttpClient> http_;
    Service service_;
    Budget budget_;
    DiskSpace disk_;
    std::uint64_t first_, samples_, most_lines_;

    std::string run_id_;
    std::string
        states_;  ///< a sample each: as sample_states, 'o'ut at the service, to be 'r'etried, 'm'issing for good
    std::vector<Out> out_;
    std::unique_ptr<PlanStream> plan_, retry_plan_;
    std::uint64_t retry_next_ = 0;  ///< of `retry_plan_`
    std::unique_ptr<Job> put_back_;
    std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> retry_;
    Rounds rounds_;
    std::vector<Remedy> remedies_, learned_;
    bool fresh_done_ = false, budget_full_ = false, queue_full_ = false, finished_ = false, hand_over_ = false,
         hard_stop_ = false, batch_done_ = false;
    std::uint64_t accepted_ = 0, accepted_before_ = 0, missing_ = 0, held_ = 0, open_lines_ = 0;
    std::int64_t input_tokens_ = 0, output_tokens_ = 0;
    int fruitless_ = 0, queue_refusals_ = 0, warnings_ = 0;
    std::string last_error_;
    SteadyTime began_{}, shown_{};
    EventLoop::TimerId tick_timer_ = 0, hard_stop_timer_ = 0;
    std::optional<End> stop_;
    std::string message_;
    int signal_ = 0;
};

}  // namespace

const BatchCodec* batches_of(const Instance<Provider>& provider) {
    return static_cast<const BatchCodec*>(provider.object().extension(kBatchExtension));
}

BatchSessionResult run_batch_session(const BatchContext& context) {
    BatchSessionResult failed;
    failed.session.end = End::internal;
    const auto* codec = batches_of(*context.provider);
    auto http = client_of(context);
    if (codec == nullptr || !http) {
        failed.session.message = http ? "the provider has no batches" : http.error().message;
        return failed;
    }
    return BatchSession(context, *codec, std::move(*http)).run();
}

Result<std::uint64_t> cancel_batches(const BatchContext& context) {
    const auto* codec = batches_of(*context.provider);
    if (codec == nullptr)
        return Error{ErrorCode::invalid_argument, "the run's provider has no batches", std::string(kNoBatches)};
    auto http = client_of(context);
    if (!http) return std::move(http).error();
    auto open = open_batches(*context.reader);
    if (!open) return std::move(open).error();
    context.loop->on_wake([] {});
    Service service(context, *codec, **http, [] { return false; }, [] {});
    std::uint64_t cancelled = 0;
    for (auto& batch : *open) {
        if (batch.state != StoredBatch::State::submitted) {  // it may be out without our knowing
            auto found = service.find_batch(batch.tag);
            if (!found) return std::move(found).error();
            if (!*found) continue;
            batch.server = (*found)->id;
        }
        auto state = service.ask(codec->look(batch.server), [codec](const HttpResponse& r) { return codec->state(r); });
        if (!state) return std::move(state).error();
        const bool over = state->phase == BatchState::Phase::ended || state->phase == BatchState::Phase::refused ||
                          state->phase == BatchState::Phase::queue_full;
        if (!over) {
            state =
                service.ask(codec->cancel(batch.server), [codec](const HttpResponse& r) { return codec->state(r); });
            if (!state) return std::move(state).error();
            ++cancelled;
        }
        context.console->log(LogLevel::info, "batch " + std::to_string(batch.id) + " (" + batch.server +
                                                 "): " + state->status + ", " + with_thousands(state->done) + " of " +
                                                 with_thousands(batch.lines) + " done");
    }
    return cancelled;
}

}  // namespace synth::core
