#include "run/session.hpp"

#include <algorithm>
#include <csignal>
#include <deque>
#include <map>
#include <memory>
#include <queue>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/console.hpp"
#include "base/format.hpp"
#include "base/secrets.hpp"
#include "net/http_client.hpp"
#include "run/budget.hpp"
#include "run/circuit.hpp"
#include "run/disk_space.hpp"
#include "run/feed.hpp"
#include "run/pacing.hpp"
#include "run/prompt_compression.hpp"
#include "synth/random.hpp"

namespace synth::core {

namespace {

using Clock = EventLoop::Clock;
using std::chrono::milliseconds;

// Answers on their way to the disk before nothing more is sent: as many as may be in flight, within these.
constexpr std::size_t kMinUndurable = 192, kMaxUndurable = 1024;
constexpr std::size_t kReadyRepliesATurn = 64;  // in-process answers between two looks at timers and signals
constexpr std::size_t kUnpacked = 1'000;  // requests in flight whose prompts stay as they are; of more, compressed
constexpr std::size_t kSendsATurn = 50;   // prompts that are made between two looks at what has come in
constexpr std::size_t kMinBody = std::size_t{1} << 20U, kMaxBody = std::size_t{32} << 20U;
constexpr std::int64_t kMostBytesPerToken = 64;  // far more than any tokenizer needs, JSON escapes included
constexpr std::uint32_t kExposedAhead = 8;       // answers that usually wait for the disk at most
constexpr std::uint32_t kFailuresAlike = 5, kWaitsAlike = 20;  // of one payload, while others succeed: it is set aside
constexpr std::size_t kMostHeld = 100'000;  // texts that wait for samples before them before no further sample is begun

class Session {
public:
    explicit Session(SessionContext given)
        : context_(std::move(given)),
          c_(context_),
          config_(*c_.config),
          feed_(*c_.reader),
          budget_(config_.budget,
                  c_.writer->initial().spent + c_.writer->initial().reserved + c_.writer->initial().unaccounted),
          window_(c_.provider->endpoint.empty() ? config_.max_concurrent : room_for(config_.max_concurrent)),
          pacer_({config_.rpm, config_.tpm, window_, std::min(config_.initial_concurrent, window_),
                  std::max(1U, config_.shard.count)},
                 Clock::now()),
          circuit_(std::clamp<std::uint32_t>(config_.max_concurrent / 2, 5, 50),
                   std::chrono::seconds(config_.give_up_after_s), Clock::now()),
          disk_(c_.ledger.parent_path()),
          jitter_(static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count())),
          decompress_(c_.reader->head().dictionary),
          samples_(c_.reader->head().samples) {}

    SessionResult run() {
        if (auto ready = prepare(); !ready) return ended(std::move(ready).error());
        while (!finished()) {
            sent_in_turn_ = 0;
            pump();  // what answers made room for, all together
            in_flight_ = static_cast<std::uint32_t>(flights_.size());
            look_after();
            show();
            if (flights_.empty() && !more_ready_ && !undurable_.empty()) c_.writer->hurry();
            // In-process answers come without the loop; it is only looked at in between.
            c_.loop->turn(!more_ready_);
            take_durable();
            take_decided();
        }
        wind_up();
        return result();
    }

private:
    static constexpr std::size_t kWriter = static_cast<std::size_t>(-1);  ///< no asker: a text is written

    struct Flight {
        std::unique_ptr<Job> job;
        PicoUsd bound;
        Pacer::Ticket ticket;
        bool probe = false;   ///< asks whether the service is back
        bool packed = false;  ///< the texts of its prompt are compressed
        std::size_t asker = kWriter;
        TimePoint began{};
    };
    /// What the session keeps for one provider of questions.
    struct Asker {
        const Asked* asked;
        Pacer pacer;
        std::vector<Remedy> remedies;
        PicoUsd reserved, spent;
        std::optional<PicoUsd> cap;
        std::deque<std::unique_ptr<Job>> questions;  ///< prepared, to be sent
    };
    struct Undurable {
        std::uint64_t sequence = 0;
        std::unique_ptr<Job> job;
        Next next = Next::done;
        PicoUsd bound;
        bool exposed = false;
        std::optional<Attempt> answered;
    };
    struct LowestIndexFirst {
        bool operator()(const std::unique_ptr<Job>& a, const std::unique_ptr<Job>& b) const {
            return a->spec.index > b->spec.index;
        }
    };

    static std::uint32_t room_for(std::uint32_t window) {
        return static_cast<std::uint32_t>(std::min<std::size_t>(window, HttpClient::most_connections()));
    }

    Status prepare() {
        if (auto restored = feed_.restore(); !restored) return restored;
        accepted_ = feed_.accepted();
        bool network = !c_.provider->endpoint.empty();
        for (const auto& asked : c_.asked) network = network || !asked.info.endpoint.empty();
        if (network) {
            HttpOptions options;
            options.timeout = milliseconds(std::int64_t{1000} * config_.timeout_s);
            options.first_byte_timeout = milliseconds(std::int64_t{1000} * config_.first_byte_timeout_s);
            options.window = window_;
            options.http2 = config_.http2;
            options.ca_file = config_.ca_file;
            options.user_agent = "tdamm-synth/" TDAMM_SYNTH_VERSION;
            auto client = HttpClient::make(*c_.loop, options);
            if (!client) return std::move(client).error();
            http_ = std::move(*client);
        }
        if (c_.shared != nullptr) {
            pacer_.set_shared(true, Clock::now());
            c_.shared->start(*c_.loop, [this](bool shared, const std::string& why) {
                pacer_.set_shared(shared, Clock::now());
                say_service(why);
            });
        }
        auto learned = c_.reader->remedies(c_.provider->endpoint, c_.provider->model);
        if (!learned) return std::move(learned).error();
        remedies_ = std::move(*learned);
        for (const auto& asked : c_.asked) {
            Asker asker{.asked = &asked,
                        .pacer = Pacer({{}, {}, config_.max_concurrent, config_.initial_concurrent}, Clock::now())};
            auto known = c_.reader->remedies(asked.info.endpoint, asked.info.model);
            if (!known) return std::move(known).error();
            asker.remedies = std::move(*known);
            if (config_.budget)
                asker.cap =
                    PicoUsd{static_cast<std::int64_t>(static_cast<double>(config_.budget->value) * asked.budget_share)};
            auto spent = c_.reader->spent_by(asked.validator);
            if (!spent) return std::move(spent).error();
            asker.spent = *spent;
            askers_.push_back(std::move(asker));
        }
        if (context_.set_review) {
            auto sets = SetChecks::start(std::move(context_.set_review), c_.ledger, [loop = c_.loop] { loop->wake(); });
            if (!sets) return std::move(sets).error();
            sets_ = std::move(*sets);
        }
        c_.loop->on_wake([] {});
        auto handled = c_.loop->handle_signals(ending_signals(), [this](int signal) { on_signal(signal); });
        if (!handled) return handled;
        if (window_ < config_.max_concurrent)
            c_.console->log(LogLevel::warning,
                            with_thousands(config_.max_concurrent) + " requests in flight do not fit into the " +
                                "open files that the system allows a program; " + with_thousands(window_) +
                                " are in flight at most (ulimit -Hn, or LimitNOFILE of a service, raises that)");
        began_ = Clock::now();
        tick();
        event("started", "window " + std::to_string(pacer_.window()) + ", " + std::to_string(samples_ - accepted_) +
                             " samples to make");
        return {};
    }

    [[nodiscard]] bool finished() const {
        if (hard_stop_) return true;
        if (!flights_.empty() || !undurable_.empty()) return false;
        if (!stop_ && (!exhausted_ || !ready_.empty() || waiting_ > 0 || questions() > 0)) return false;
        return held_.empty() || sets_failed_ || (stop_ && *stop_ == End::io);
    }

    [[nodiscard]] std::size_t questions() const {
        std::size_t all = 0;
        for (const auto& asker : askers_) all += asker.questions.size();
        return all;
    }

    /// Sends as long as window, limits, budget and disk allow.
    void pump() {
        more_ready_ = false;
        std::size_t answered = 0;
        for (std::size_t i = 0; i < askers_.size(); ++i) ask(i, answered);
        // A probe goes out beside a window full of requests that nothing comes back from.
        while (!stop_ && (flights_.size() < pacer_.window() || circuit_.wants_probe()) && disk_keeps_up()) {
            if (!has_room()) return;
            auto job = next_job();
            if (!job) return;
            if (job->held) {  // by an earlier session
                proceed(std::move(job));
                continue;
            }
            if (!job->prepared && !compose(job)) continue;
            if (std::holds_alternative<Reply>(job->prepared->exchange)) {
                answer_in_process(std::move(job));
                if (++answered == kReadyRepliesATurn) {
                    more_ready_ = true;
                    return;
                }
                continue;
            }
            if (!let_out(job)) {
                ready_.push(std::move(job));
                return;
            }
            if (++sent_in_turn_ >= kSendsATurn) {
                more_ready_ = true;
                return;
            }
        }
    }

    /// Sends `job` if circuit, limits and budget let it; false: it stays, not before something changes.
    bool let_out(std::unique_ptr<Job>& job) {
        const auto now = Clock::now();
        const Tokens tokens = job->prepared->input_bound + job->prepared->output_bound;
        auto when = std::max(pacer_.earliest(tokens, now), circuit_.earliest());
        if (when <= now && c_.shared != nullptr) {
            const auto room = pacer_.window() - std::min<std::size_t>(pacer_.window(), flights_.size());
            when = c_.shared->earliest(tokens, static_cast<std::uint32_t>(room), now);
        }
        limited_ = when > now;
        if (limited_) {
            if (when != SteadyTime::max()) wake_at(when);
            return false;
        }
        const PicoUsd bound = job->prepared->cost_bound.value_or(PicoUsd{});
        if (!reserve(bound)) return false;
        if (!expose(bound)) {
            budget_.release(bound);
            return false;
        }
        send(std::move(job), bound, tokens, now);
        return true;
    }

    /// Sets the most that a request, or a question of that validator, may cost aside. False: not now; where nothing
    /// will change that, the run ends.
    bool reserve(PicoUsd bound, std::string_view validator = {}) {
        if (budget_.reserve(bound)) return true;
        const bool idle = flights_.empty() && undurable_.empty();
        if (c_.shared != nullptr) {
            const auto claim = c_.shared->claim(budget_.spent() + budget_.reserved() + bound - *config_.budget, idle);
            budget_.set_cap(*config_.budget + c_.shared->extra());
            if (claim == SharedLimits::Money::granted) return budget_.reserve(bound);
            if (claim == SharedLimits::Money::wait) return false;
        }
        if (idle)
            stop(End::budget, "the budget of " + dollars(*budget_.cap()) + " is reached: the next " +
                                  (validator.empty() ? "request" : "question of validator " + std::string(validator)) +
                                  " may cost " + dollars(bound) + ", " + dollars(*budget_.cap() - budget_.spent()) +
                                  " are left");
        return false;
    }

    /// Memory does not grow with what a slow disk leaves waiting.
    [[nodiscard]] bool disk_keeps_up() const {
        return undurable_.size() < std::clamp<std::size_t>(pacer_.window(), kMinUndurable, kMaxUndurable);
    }

    /// Nothing is asked for that could not be kept.
    bool has_room() {
        const auto coming = flights_.size() + undurable_.size() + 1;
        if (disk_.has_room(coming, Clock::now())) return true;
        if (flights_.empty() && undurable_.empty())
            stop(End::io, "the disk is full: " + megabytes(disk_.free()) + " are free at " + disk_.dir().string() +
                              ", " + megabytes(disk_.needed(coming)) +
                              " are needed to go on; all answers are kept, make room and resume");
        return false;
    }

    std::unique_ptr<Job> next_job() {
        if (!ready_.empty()) {
            auto job = std::move(const_cast<std::unique_ptr<Job>&>(ready_.top()));  // the queue has no way to move out
            ready_.pop();
            return job;
        }
        while (!exhausted_ && held_.size() < kMostHeld) {
            auto job = feed_.next();
            if (!job) {
                stop(End::io, job.error().message);
                return nullptr;
            }
            if (!*job) {
                exhausted_ = true;
                return nullptr;
            }
            if ((*job)->held || (*job)->attempts < config_.max_attempts) return std::move(*job);
            ++missing_;  // an earlier session used its attempts up
            if (sets_) sets_->gone((*job)->spec.index);
        }
        return nullptr;
    }

    /// False: the job is gone, recorded as one that cannot be had.
    bool compose(std::unique_ptr<Job>& job) {
        auto prepared = c_.pipeline->prepare(*job, remedies_);
        if (prepared) {
            job->prepared = std::move(*prepared);
            return true;
        }
        Decision decision;
        decision.entry.row.sample = job->spec.index;
        decision.entry.row.attempt = job->attempts + 1;
        decision.entry.row.role = "write";
        decision.entry.row.outcome = Outcome::failed;
        decision.entry.error = prepared.error().code;
        decision.entry.row.reason = prepared.error().counted_as();
        decision.entry.row.message = prepared.error().message;
        decision.entry.row.began = decision.entry.row.ended = now();
        decision.next = Next::give_up;
        record(std::move(job), std::move(decision), {}, false);
        return false;
    }

    void answer_in_process(std::unique_ptr<Job> job) {
        const auto began = now();
        auto decision = c_.pipeline->decide(*job, std::get<Reply>(std::move(job->prepared->exchange)));
        decision.entry.row.began = began;
        decision.entry.row.ended = now();
        record(std::move(job), std::move(decision), {}, false);
    }

    /// Whether the ledger allows that much more in flight: should the process die, it stays charged. Else asks it to,
    /// and the request waits until that is durable. A window and a little for what waits for the disk is enough for
    /// most servers, so this is rare.
    bool expose(PicoUsd bound) {
        const PicoUsd outstanding = outstanding_ + bound;
        const auto requests = outstanding_requests_ + 1;
        if (outstanding <= exposure_ && requests <= exposure_requests_) {
            outstanding_ = outstanding;
            outstanding_requests_ = requests;
            return true;
        }
        if (asked_exposure_) return false;
        const auto window = static_cast<std::int64_t>(std::min<std::uint64_t>(pacer_.window(), samples_ - accepted_));
        const auto most = requests <= window + kExposedAhead
                              ? window + kExposedAhead
                              : std::min(2 * requests, window + std::int64_t{kMaxUndurable});
        PicoUsd money = std::max(outstanding, PicoUsd{bound.value * most});
        if (budget_.cap()) money = std::max(outstanding, std::min(money, *budget_.cap() - budget_.spent()));
        asked_exposure_ = {money, most};
        c_.writer->ask_exposure(money, most);
        return false;
    }

    void send(std::unique_ptr<Job> job, PicoUsd bound, Tokens tokens, SteadyTime now_steady,
              std::size_t asker = kWriter) {
        auto& request = std::get<HttpRequest>(job->prepared->exchange);
        std::string authorization;
        if (request.auth)
            if (const auto secret = c_.secrets->value(request.auth->secret))
                authorization = request.auth->header + ": " + request.auth->prefix + std::string(*secret);
        const auto limit = static_cast<std::size_t>(job->prepared->output_bound.count * kMostBytesPerToken);
        const std::uint64_t id = ++last_flight_;
        Flight flight;
        flight.bound = bound;
        flight.asker = asker;
        flight.ticket = (asker == kWriter ? pacer_ : askers_[asker].pacer).admit(tokens, now_steady);
        if (asker == kWriter && c_.shared != nullptr) c_.shared->admit(tokens);
        flight.probe = asker == kWriter && circuit_.admit();
        flight.began = now();
        flight.packed = flights_.size() >= kUnpacked;
        if (flight.packed) {
            if (!compress_) compress_.emplace(c_.reader->head().dictionary);
            for (auto& message : job->prepared->prompt.messages) message.text = std::string((*compress_)(message.text));
        }
        flight.job = std::move(job);
        flights_.emplace(id, std::move(flight));
        ++requests_;
        http_->send(std::move(request), authorization, std::clamp(limit, kMinBody, kMaxBody),
                    [this, id](HttpResult&& result) { on_result(id, std::move(result)); });
    }

    void on_result(std::uint64_t id, HttpResult&& result) {
        const auto found = flights_.find(id);
        if (const auto* error = std::get_if<TransportError>(&result.outcome);
            error != nullptr && error->reason == "withdrawn") {
            // As if it had not been let out: nobody has heard of it.
            budget_.release(found->second.bound);
            outstanding_ -= found->second.bound;
            --outstanding_requests_;
            --requests_;
            flights_.erase(found);
            return;
        }
        Flight flight = std::move(found->second);
        flights_.erase(found);
        if (flight.packed)
            for (auto& message : flight.job->prepared->prompt.messages) message.text = decompress_(message.text);
        const auto now_steady = Clock::now();
        last_answer_ = now_steady;

        Reply reply;
        bool unanswered = false;
        int status = 0;
        if (auto* response = std::get_if<HttpResponse>(&result.outcome)) {
            status = response->status;
            c_.secrets->redact(response->body);
            for (auto& [name, value] : response->headers) c_.secrets->redact(value);
            reply = flight.asker == kWriter ? c_.pipeline->decode(*flight.job, remedies_, *response)
                                            : decode_answer(flight, *response);
        } else {
            auto& error = std::get<TransportError>(result.outcome);
            unanswered = error.sent;
            const auto code = error.fatal ? ErrorCode::unauthorized : ErrorCode::unavailable;
            reply.error = Error{code, std::move(error.message), std::move(error.reason)};
        }
        pace(flight, reply, now_steady);
        if (flight.asker != kWriter) {
            take_answer(std::move(flight), std::move(reply), &result, unanswered, status);
            return;
        }
        judge_service(flight, reply, now_steady);
        auto decision = c_.pipeline->decide(*flight.job, std::move(reply));
        CallRow& row = decision.entry.row;
        row.began = result.began;
        row.ended = result.ended;
        row.sent = true;
        decision.entry.status = status;
        if (flight.probe && row.outcome == Outcome::failed && decision.entry.error == ErrorCode::unavailable) {
            row.outcome = Outcome::probed;
            decision.next = Next::repeat;
        }
        if (decision.entry.text.empty() && row.outcome == Outcome::rejected)
            if (auto* response = std::get_if<HttpResponse>(&result.outcome))
                decision.entry.text = response->body.substr(0, 65536);

        // Paid for: settled on usage; an answer whose usage is unknown, and a request that got none, stay charged in
        // full.
        const bool paid = is_paid(row.outcome);
        if (row.cost || paid || unanswered) {
            budget_.settle(flight.bound, row.cost);
            if (!row.cost) row.reserved = flight.bound;
        } else {
            budget_.release(flight.bound);
        }
        successes_ += paid ? 1U : 0U;
        if (row.usage) {
            input_tokens_ += row.usage->input.count;
            output_tokens_ += row.usage->output.count;
        }
        record(std::move(flight.job), std::move(decision), flight.bound, true);
    }

    /// What a reply says about limits and the window.
    void pace(const Flight& flight, const Reply& reply, SteadyTime now_steady) {
        std::vector<Pacer::Note> notes;
        std::optional<CountedTokens> counted;
        if (const auto& usage = reply.usage)
            counted = {usage->input + usage->output, usage->input + flight.job->prepared->output_bound};
        auto& pacer = flight.asker == kWriter ? pacer_ : askers_[flight.asker].pacer;
        pacer.settle(flight.ticket, reply, counted, in_flight_, jitter(), now_steady, notes);
        if (flight.asker == kWriter && c_.shared != nullptr)
            c_.shared->settle(Tokens{static_cast<std::int64_t>(flight.ticket.limits.tokens)}, counted, reply);
        for (auto& note : notes) event(std::move(note.kind), std::move(note.detail));
    }

    /// Whether the service answers at all.
    void judge_service(const Flight& flight, const Reply& reply, SteadyTime now_steady) {
        using Answer = Circuit::Answer;
        const auto code = reply.error ? std::optional(reply.error->code) : std::nullopt;
        const bool paid =
            !code || code == ErrorCode::refused || code == ErrorCode::malformed || code == ErrorCode::truncated;
        const bool loading = reply.error && reply.error->reason == kLoading;
        const auto answer = paid                                         ? Answer::success
                            : code == ErrorCode::unavailable && !loading ? Answer::nothing
                                                                         : Answer::other;
        if (reply.error) last_error_ = reply.error->message;
        const bool was_open = circuit_.open();
        if (circuit_.on_answer(answer, flight.job->spec.index, flight.probe, jitter(), now_steady))
            say_service("the service does not answer (" + last_error_ +
                        "); nothing more is sent but one request now and then");
        else if (was_open && !circuit_.open())
            say_service("the service answers again");
        if (circuit_.given_up())
            stop(End::refused, "no request succeeded for " + duration_text(config_.give_up_after_s) +
                                   ", the last one neither: " + last_error_);
    }

    void say_service(const std::string& text) {
        event("service", text);
        c_.console->log(LogLevel::warning, text);
    }

    /// What time alone changes.
    void look_after() {
        if (http_ && stop_) http_->withdraw();
        if (http_ && !stop_ && circuit_.tick(Clock::now()))
            say_service("no request succeeded for " + duration_text(config_.give_up_after_s) +
                        "; one more is tried before the run stops");
    }

    /// Whether this payload has now failed the same way so often, though others succeed, that it would go on like that.
    bool set_aside(Job& job, std::uint64_t prompt_hash, const CallRow& row) {
        if (row.outcome != Outcome::failed && row.outcome != Outcome::throttled) return false;
        const auto alike = std::pair(prompt_hash, row.reason);
        if (job.alike != alike) {
            job.alike = alike;
            job.times_alike = 0;
            job.successes_before = successes_;
        }
        ++job.times_alike;
        const bool alone =
            row.outcome == Outcome::throttled ? successes_ - job.successes_before >= kWaitsAlike : successes_ > 0;
        if (!alone || job.times_alike < (row.outcome == Outcome::throttled ? kWaitsAlike : kFailuresAlike))
            return false;
        event("parked", "sample " + std::to_string(row.sample + 1) + " failed the same way " +
                            std::to_string(job.times_alike) + " times, others succeeded: " + row.message);
        return true;
    }

    void record(std::unique_ptr<Job> job, Decision decision, PicoUsd bound, bool exposed) {
        const CallRow& row = decision.entry.row;
        say(decision);
        Undurable undurable;
        undurable.next = decision.next;
        undurable.bound = bound;
        undurable.exposed = exposed;
        if (row.outcome == Outcome::rejected) undurable.answered = Pipeline::to_attempt(decision.entry);
        if (row.outcome == Outcome::held) job->held = Pipeline::to_held(decision.entry);
        if (is_attempt(row.outcome)) {
            ++job->attempts;
            job->failures = row.outcome == Outcome::failed ? job->failures + 1 : 0;
            if (job->attempts >= config_.max_attempts && decision.next != Next::done && decision.next != Next::hold)
                undurable.next = Next::give_up;
        }
        if (job->prepared && set_aside(*job, decision.entry.prompt_hash, row)) undurable.next = Next::give_up;
        job->prepared.reset();
        undurable.job = std::move(job);
        if (decision.remedy) {
            const bool known = std::ranges::find(remedies_, *decision.remedy) != remedies_.end();
            if (known && ++repeated_remedies_ > config_.max_concurrent) {
                undurable.next = Next::give_up;  // it is applied and the server still refuses
            } else if (!known) {
                remedies_.push_back(*decision.remedy);
                c_.writer->append(LearnedRemedy{c_.provider->endpoint, c_.provider->model, *decision.remedy});
                event("remedy", row.message);
            }
        }
        if (decision.next == Next::stop_run) stop(End::refused, row.message);
        disk_.seen(decision.entry.text.size() + decision.entry.prompt.size() / 2);
        undurable.sequence = c_.writer->append(std::move(decision.entry));
        undurable_.push_back(std::move(undurable));
    }

    /// What happened to a sample, as it happens.
    void say(const Decision& decision) {
        const CallRow& row = decision.entry.row;
        const std::string who = "sample " + std::to_string(row.sample + 1);
        const auto line = [&](const std::string& text) {
            ++warnings_;
            c_.console->log(warnings_ <= kWarningsShown ? LogLevel::warning : LogLevel::debug, text);
            if (warnings_ == kWarningsShown)
                c_.console->log(LogLevel::info,
                                "(further warnings only with --verbose; all are in the ledger and the report)");
        };
        if (row.outcome == Outcome::accepted) {
            for (const auto& finding : decision.entry.row.findings) line(who + ": " + finding.message);
        } else if (row.outcome == Outcome::rejected || row.outcome == Outcome::failed) {
            line(who + ", attempt " + std::to_string(row.attempt) + ": " + std::string(name_of(row.outcome)) + ", " +
                 row.message);
        } else if (row.outcome == Outcome::throttled || row.outcome == Outcome::remedied) {
            c_.console->log(LogLevel::debug, who + ": " + std::string(name_of(row.outcome)) + ", " + row.message);
        }
    }

    // -------------------------------------------------------------------------------- texts that are held

    /// The next step of a held text: a question to a model, the checks of the set, or the end.
    void proceed(std::unique_ptr<Job> job) {
        auto question = c_.pipeline->next_question(job->spec, *job->held);
        if (question) {
            const auto asker = asker_of(question->first);
            if (asker != kWriter && prepare_question(*job, asker, std::move(question->second))) {
                askers_[asker].questions.push_back(std::move(job));
                return;
            }
            job->held->answer = Completion{};  // it cannot be asked: the validator decides without
            return proceed(std::move(job));
        }
        const bool rejected = first_rejection(job->held->findings) != nullptr;
        if (!sets_ || rejected) return rule(std::move(job));
        job->held->draft = {};
        const auto sample = job->spec.index;
        held_.emplace(sample, std::move(job));
        sets_->held(sample);
    }

    void take_decided() {
        if (!sets_) return;
        if (stop_ && *stop_ != End::io && flights_.empty() && undurable_.empty() && !held_.empty()) sets_->conclude();
        for (auto& decided : sets_->take()) {
            if (decided.error) {
                sets_failed_ = true;
                stop(decided.error->code == ErrorCode::io ? End::io : End::internal, decided.error->message);
                return;
            }
            auto found = held_.extract(decided.sample);
            if (found.empty()) continue;
            auto job = std::move(found.mapped());
            std::ranges::move(decided.findings, std::back_inserter(job->held->findings));
            job->held->draft = {std::move(decided.title), std::move(decided.text)};
            rule(std::move(job));
        }
    }

    /// All is known about a held text.
    void rule(std::unique_ptr<Job> job) {
        const std::unique_ptr<Held> held = std::move(job->held);
        Decision decision;  // as what is said about it needs it
        CallRow& row = decision.entry.row;
        row.sample = job->spec.index;
        row.attempt = held->attempt;
        row.findings = std::move(held->findings);
        row.finish = held->finish;
        row.outcome = Outcome::accepted;
        decision.entry.output_limit = held->output_limit;
        Undurable undurable;
        if (reject_if_found(row)) {
            decision.entry.text = std::move(held->draft.text);
            undurable.answered = Pipeline::to_attempt(decision.entry);
            undurable.next = job->attempts >= config_.max_attempts ? Next::give_up : Next::again;
        }
        say(decision);
        undurable.job = std::move(job);
        undurable.sequence = c_.writer->append(
            Ruling{row.sample, row.attempt, row.outcome, row.reason, row.message, std::move(row.findings)});
        undurable_.push_back(std::move(undurable));
    }

    // -------------------------------------------------------------------------------- questions of validators

    [[nodiscard]] std::size_t asker_of(std::size_t validator) const {
        for (std::size_t i = 0; i < askers_.size(); ++i)
            if (askers_[i].asked->validator == c_.pipeline->validator_id(validator)) return i;
        return kWriter;
    }

    [[nodiscard]] Request question_of(const Job& job, const Asker& asker) const {
        Request request;
        request.spec = &job.spec;
        request.prompt = job.prepared ? &job.prepared->prompt : nullptr;
        request.role = asker.asked->validator;
        request.attempt = job.held->attempt;
        request.remedies = &asker.remedies;
        return request;
    }

    bool prepare_question(Job& job, std::size_t asker, Prompt prompt) {
        const Asked& asked = *askers_[asker].asked;
        auto prepared =
            prepare_call(asked.provider, asked.info.model, question_of(job, askers_[asker]), std::move(prompt));
        if (!prepared) {
            c_.console->log(LogLevel::warning, "validator " + asked.validator + ": " + prepared.error().message);
            return false;
        }
        job.prepared = std::move(*prepared);
        return true;
    }

    /// Sends questions as window, limits and money allow.
    void ask(std::size_t index, std::size_t& answered) {
        Asker& asker = askers_[index];
        while (!stop_ && !asker.questions.empty() && flights_.size() < pacer_.window() + asker.pacer.window() &&
               disk_keeps_up()) {
            auto& job = asker.questions.front();
            const PicoUsd bound = job->prepared->cost_bound.value_or(PicoUsd{});
            if (asker.cap && asker.spent + asker.reserved + bound > *asker.cap) {
                if (asker.reserved > PicoUsd{}) return;  // what is in flight may leave some of it
                skip_question(asker, "its part of the budget is used up");
                continue;
            }
            if (auto* ready = std::get_if<Reply>(&job->prepared->exchange)) {
                if (++answered > kReadyRepliesATurn) {
                    more_ready_ = true;
                    return;
                }
                Flight flight;
                flight.job = std::move(job);
                flight.asker = index;
                flight.began = now();
                asker.questions.pop_front();
                Reply reply = std::move(*ready);
                take_answer(std::move(flight), std::move(reply), nullptr, false, 0);
                continue;
            }
            const auto now_steady = Clock::now();
            const Tokens tokens = job->prepared->input_bound + job->prepared->output_bound;
            if (const auto when = asker.pacer.earliest(tokens, now_steady); when > now_steady) {
                if (when != SteadyTime::max()) wake_at(when);
                return;
            }
            if (!reserve(bound, asker.asked->validator)) return;
            if (!expose(bound)) {
                budget_.release(bound);
                return;
            }
            asker.reserved += bound;
            auto sent = std::move(job);
            asker.questions.pop_front();
            send(std::move(sent), bound, tokens, now_steady, index);
        }
    }

    /// The validator decides without an answer.
    void skip_question(Asker& asker, const std::string& why) {
        auto job = std::move(asker.questions.front());
        asker.questions.pop_front();
        c_.console->log(LogLevel::debug, "sample " + std::to_string(job->spec.index + 1) + ": validator " +
                                             asker.asked->validator + " was not answered, " + why);
        job->prepared.reset();
        job->held->answer = Completion{};
        proceed(std::move(job));
    }

    Reply decode_answer(const Flight& flight, const HttpResponse& response) const {
        const Asker& asker = askers_[flight.asker];
        return decode_call(asker.asked->provider, question_of(*flight.job, asker), response);
    }

    /// What came of a question. `result`: null for an answer in process.
    void take_answer(Flight flight, Reply reply, const HttpResult* result, bool unanswered, int status) {
        Asker& asker = askers_[flight.asker];
        Job& job = *flight.job;
        CallEntry entry;
        CallRow& row = entry.row;
        row.sample = job.spec.index;
        row.attempt = job.held->attempt;
        row.role = asker.asked->validator;
        row.model = reply.model.empty() ? asker.asked->info.model : reply.model;
        row.tier = reply.tier;
        row.usage = reply.usage;
        if (reply.usage) row.cost = cost_of(asker.asked->provider, *reply.usage, {row.model, row.tier});
        row.began = result != nullptr ? result->began : flight.began;
        row.ended = result != nullptr ? result->ended : now();
        row.sent = result != nullptr;
        entry.status = status;
        entry.request_id = std::move(reply.request_id);
        entry.output_limit = job.prepared->prompt.output_limit;
        keep_prompt(job.prepared->prompt, entry);
        if (reply.completion) row.finish = reply.completion->finish;

        Undurable undurable;
        undurable.bound = flight.bound;
        undurable.exposed = result != nullptr;
        undurable.next = Next::hold;  // goes on with the next step
        const auto code = reply.error ? std::optional(reply.error->code) : std::nullopt;
        const bool answered = reply.completion || code == ErrorCode::refused || code == ErrorCode::malformed ||
                              code == ErrorCode::truncated;
        bool again = false;
        if (answered && !reply.remedy) {
            row.outcome = Outcome::answered;
            job.held->answer = reply.completion ? std::move(*reply.completion) : Completion{};
            entry.text = job.held->answer->text;
        } else {
            entry.error = code;
            row.reason = reply.error ? reply.error->counted_as() : "no_answer";
            row.message = reply.error ? reply.error->message : "the reply has no answer in it";
            const bool waits = code == ErrorCode::rate_limited || (reply.error && reply.error->reason == kLoading);
            row.outcome = reply.remedy ? Outcome::remedied : waits ? Outcome::throttled : Outcome::failed;
            again = reply.remedy || (reply.retry_may_help && (waits || ++job.held->failures < config_.max_attempts));
            if (code == ErrorCode::unauthorized || code == ErrorCode::exhausted) {
                row.outcome = Outcome::halted;
                stop(End::refused, "validator " + asker.asked->validator + ": " + row.message);
                again = true;
            }
            if (reply.remedy && std::ranges::find(asker.remedies, *reply.remedy) == asker.remedies.end()) {
                asker.remedies.push_back(*reply.remedy);
                c_.writer->append(LearnedRemedy{asker.asked->info.endpoint, asker.asked->info.model, *reply.remedy});
            }
            if (!again) job.held->answer = Completion{};
            c_.console->log(LogLevel::debug, "sample " + std::to_string(row.sample + 1) + ": validator " + row.role +
                                                 ": " + std::string(name_of(row.outcome)) + ", " + row.message);
        }
        asker.reserved -= result != nullptr ? flight.bound : PicoUsd{};
        if (result != nullptr) {
            if (row.cost || row.outcome == Outcome::answered || unanswered) {
                budget_.settle(flight.bound, row.cost);
                asker.spent += row.cost.value_or(flight.bound);
                if (!row.cost) row.reserved = flight.bound;
            } else {
                budget_.release(flight.bound);
            }
        }
        if (row.usage) {
            input_tokens_ += row.usage->input.count;
            output_tokens_ += row.usage->output.count;
        }
        job.prepared.reset();
        if (again && row.outcome == Outcome::failed) undurable.next = Next::later;
        undurable.job = std::move(flight.job);
        undurable.sequence = c_.writer->append(std::move(entry));
        undurable_.push_back(std::move(undurable));
    }

    /// The writer goes on trying while the run drains.
    void cannot_store(const Error& error) {
        if (stop_) return;
        c_.console->log(LogLevel::error, error.message +
                                             "; what has come in is kept in memory and tried again for up to " +
                                             duration_text(config_.drain_timeout_s));
        stop(End::io,
             "stopped: the ledger could not be written; make room and resume, what is in it is not asked for again");
    }

    void take_durable() {
        if (auto error = c_.writer->error()) cannot_store(*error);
        if (asked_exposure_ && c_.writer->exposed()) {
            std::tie(exposure_, exposure_requests_) = *asked_exposure_;
            asked_exposure_.reset();
        }
        const auto through = c_.writer->durable_through();
        while (!undurable_.empty() && undurable_.front().sequence <= through) {
            Undurable item = std::move(undurable_.front());
            undurable_.pop_front();
            if (item.exposed) {
                outstanding_ -= item.bound;
                --outstanding_requests_;
            }
            act(std::move(item));
        }
    }

    void act(Undurable item) {
        if (item.answered) item.job->earlier.push_back(std::move(*item.answered));
        switch (item.next) {
            case Next::done:
                ++accepted_;
                finish_one();
                break;
            case Next::hold: proceed(std::move(item.job)); break;
            case Next::give_up:
                ++missing_;
                if (sets_) sets_->gone(item.job->spec.index);
                finish_one();
                break;
            case Next::again:
            case Next::repeat: ready_.push(std::move(item.job)); break;
            case Next::later: {
                ++waiting_;
                const auto failures = item.job->held ? item.job->held->failures : item.job->failures;
                const auto when = Clock::now() + backoff(failures, jitter());
                c_.loop->at(when, [this, job = std::make_shared<std::unique_ptr<Job>>(std::move(item.job))] {
                    --waiting_;
                    ready_.push(std::move(*job));
                });
                break;
            }
            case Next::stop_run: break;
        }
    }

    void finish_one() {
        if (++finished_ % config_.batch_size == 0) batch_done_ = true;
    }

    void on_signal(int signal) {
        signal_ = signal;
        if (stop_ && *stop_ == End::interrupted) {
            hard_stop_ = true;
            return;
        }
        stop(End::interrupted, signal == SIGINT   ? "interrupted"
                               : signal == SIGHUP ? "the terminal went away"
                                                  : "told to terminate");
        c_.console->log(LogLevel::info, "stopping: waiting up to " + std::to_string(config_.drain_timeout_s) +
                                            " s for " + std::to_string(flights_.size()) +
                                            " requests in flight; once more stops at once");
        c_.loop->at(Clock::now() + std::chrono::seconds(config_.drain_timeout_s), [this] { hard_stop_ = true; });
    }

    void stop(End end, std::string message) {
        if (stop_) return;
        stop_ = end;
        message_ = std::move(message);
        event("stopped", message_);
        if (end == End::refused || end == End::io)
            c_.loop->at(Clock::now() + std::chrono::seconds(config_.drain_timeout_s), [this] { hard_stop_ = true; });
    }

    /// Keeps what people watch moving while nothing else happens.
    void tick() {
        c_.loop->at(Clock::now() + kTick, [this] { tick(); });
    }

    void wake_at(SteadyTime when) {
        if (wake_timer_ != 0) c_.loop->cancel(wake_timer_);
        wake_timer_ = c_.loop->at(when, [this] { wake_timer_ = 0; });
    }

    /// What was sent and got no answer stays charged.
    void wind_up() {
        const auto turn = std::chrono::duration_cast<std::chrono::microseconds>(c_.loop->longest_turn());
        event("loop", "the longest turn took " + std::to_string(turn.count()) + " µs");
        for (auto& [id, flight] : flights_) {
            CallEntry entry;
            entry.row.sample = flight.job->spec.index;
            entry.row.attempt = flight.job->attempts + 1;
            entry.row.role = flight.asker == kWriter ? "write" : askers_[flight.asker].asked->validator;
            entry.row.outcome = Outcome::abandoned;
            entry.row.reason = "abandoned";
            entry.row.message = "in flight when the run stopped";
            entry.row.reserved = flight.bound;
            entry.row.sent = true;
            entry.row.began = flight.began;
            entry.row.ended = now();
            c_.writer->append(std::move(entry));
        }
        sets_.reset();
        if (http_) http_->abandon();
        if (requests_ > 0 && last_answer_ > began_)
            c_.writer->set_active(std::chrono::duration_cast<milliseconds>(last_answer_ - began_).count());
        else
            c_.writer->set_active(std::chrono::duration_cast<milliseconds>(Clock::now() - began_).count());
        if (auto closed = c_.writer->flush(); !closed && !stop_) stop(End::io, closed.error().message);
        take_durable();
        show();
    }

    void show() {
        const auto now_steady = Clock::now();
        if (!c_.watch || (!batch_done_ && now_steady - shown_ < kTick / 2 && !finished())) return;
        shown_ = now_steady;
        Snapshot s;
        s.samples = samples_;
        s.accepted = accepted_;
        s.missing = missing_;
        s.answered =
            accepted_ + static_cast<std::uint64_t>(std::ranges::count(undurable_, Next::done, &Undurable::next));
        s.in_flight = flights_.size();
        s.waiting = waiting_;
        s.window = pacer_.window();
        s.window_maximum = config_.max_concurrent;
        s.seconds = std::chrono::duration<double>(now_steady - began_).count();
        s.per_second = s.seconds > 0 ? static_cast<double>(accepted_ - feed_.accepted()) / s.seconds : 0;
        s.input_tokens = c_.writer->initial().input_tokens + input_tokens_;
        s.output_tokens = c_.writer->initial().output_tokens + output_tokens_;
        s.spent = budget_.spent();
        s.reserved = budget_.reserved();
        s.priced = !c_.provider->prices_as_of.empty();
        s.budget = budget_.cap();
        s.requests_per_minute = pacer_.requests_per_minute();
        s.tokens_per_minute = pacer_.tokens_per_minute();
        s.state = stop_             ? "stopping"
                  : circuit_.open() ? "the service does not answer"
                  : limited_        ? "waiting for the rate limit"
                                    : "running";
        s.batch_done = std::exchange(batch_done_, false);
        c_.watch(s);
    }

    SessionResult result() {
        SessionResult result;
        result.end = stop_.value_or(End::finished);
        result.signal = signal_;
        result.message = message_;
        result.accepted = accepted_;
        result.missing = samples_ - accepted_;
        return result;
    }

    static SessionResult ended(Error error) {
        SessionResult result;
        result.end = error.code == ErrorCode::io ? End::io : End::internal;
        result.message = std::move(error.message);
        return result;
    }

    void event(std::string kind, std::string detail) {
        c_.writer->append(RunEvent{now(), std::move(kind), std::move(detail)});
    }

    milliseconds jitter() { return milliseconds(static_cast<std::int64_t>(jitter_.below(1000))); }

    SessionContext context_;
    const SessionContext& c_;
    const RunConfig& config_;
    Feed feed_;
    Budget budget_;
    const std::uint32_t window_;  // config_.max_concurrent, or what open files leave room for
    Pacer pacer_;
    Circuit circuit_;
    DiskSpace disk_;
    Random jitter_;
    std::optional<PromptCompressor> compress_;  // made when it is needed
    PromptDecompressor decompress_;
    std::unique_ptr<HttpClient> http_;
    std::vector<Remedy> remedies_;

    std::priority_queue<std::unique_ptr<Job>, std::vector<std::unique_ptr<Job>>, LowestIndexFirst> ready_;
    std::unordered_map<std::uint64_t, Flight> flights_;
    std::deque<Undurable> undurable_;
    std::deque<Asker> askers_;
    std::unique_ptr<SetChecks> sets_;
    bool sets_failed_ = false;  // nothing that is held will be decided in this session
    std::unordered_map<std::uint64_t, std::unique_ptr<Job>> held_;  ///< by sample, until the set's checks have decided
    std::uint64_t last_flight_ = 0, requests_ = 0, repeated_remedies_ = 0;
    std::size_t sent_in_turn_ = 0;
    std::uint32_t in_flight_ = 0;  ///< when slots were last filled: of a turn's answers all but the first find fewer
    std::size_t waiting_ = 0;      // for their backoff to end
    bool exhausted_ = false;       // the plan has no more samples
    bool more_ready_ = false, limited_ = false, batch_done_ = false, hard_stop_ = false;
    std::uint64_t successes_ = 0;
    std::string last_error_;
    PicoUsd outstanding_, exposure_;
    std::int64_t outstanding_requests_ = 0, exposure_requests_ = 0;
    std::optional<std::pair<PicoUsd, std::int64_t>> asked_exposure_;  // not durable yet

    std::uint64_t samples_, accepted_ = 0, missing_ = 0, finished_ = 0;
    std::int64_t input_tokens_ = 0, output_tokens_ = 0;
    int warnings_ = 0;
    EventLoop::TimerId wake_timer_ = 0;
    SteadyTime began_{}, last_answer_{}, shown_{};
    std::optional<End> stop_;
    std::string message_;
    int signal_ = 0;
};

}  // namespace

std::vector<int> ending_signals() {
    std::vector<int> signals = {SIGINT, SIGTERM};
    struct sigaction hangup{};
    if (::sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN) signals.push_back(SIGHUP);
    return signals;
}

SessionResult run_session(SessionContext context) { return Session(std::move(context)).run(); }

}  // namespace synth::core
