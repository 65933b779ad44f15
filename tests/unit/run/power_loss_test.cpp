// A ledger whose machine loses power: after every step that was done to its files, with any part of what was not
// synced. What the ledger had announced as durable is there, nothing is half there, and the next session goes on.

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <iostream>
#include <mutex>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "run/ledger.hpp"
#include "run/plan_blocks.hpp"
#include "support/process.hpp"
#include "support/recording_vfs.hpp"
#include "support/sanitized.hpp"
#include "synth/random.hpp"

namespace synth::core {
namespace {

namespace fs = std::filesystem;
using test::Disk;
using test::DiskStep;
using test::Files;
using Kept = Disk::Kept;

constexpr std::uint64_t kSamples = 5'000, kMore = 1'500;
/// Of each prefix, besides all and nothing of what was not synced.
constexpr std::uint64_t kTornStates = test::kSanitized ? 1 : 5;
constexpr int kCheckpointPages = 12;
constexpr std::string_view kLedger = "run.ledger.sqlite";

/// Checkpoints come after few pages, so that a short session has several.
int checkpoint_often(sqlite3* database, const char**, const sqlite3_api_routines*) {
    return sqlite3_wal_autocheckpoint(database, kCheckpointPages);
}

class RandomPlan : public PlanStream {
public:
    RandomPlan(std::uint64_t seed, std::uint64_t samples) : random_(seed), left_(samples) {}
    Result<std::size_t> next(std::span<SampleSpec> out) override {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, out.size()));
        for (auto& spec : out.first(count)) {
            spec = {};
            for (auto n = random_.between(1, 4); n > 0; --n) spec.drawn.insert(static_cast<LabelId>(random_.below(39)));
            spec.labels = spec.drawn;
            spec.primary = spec.drawn[0];
        }
        left_ -= count;
        return count;
    }

private:
    Random random_;
    std::uint64_t left_;
};

CallEntry make_call(std::uint64_t n) {
    CallEntry entry;
    entry.row.sample = n;
    entry.row.attempt = 1;
    entry.row.role = "write";
    entry.row.outcome = Outcome::accepted;
    entry.row.usage = Usage{{100}, {}, {}, {50}, {}};
    entry.row.cost = PicoUsd{1'000 + static_cast<std::int64_t>(n)};
    entry.prompt = "a typical prompt about pulsars, number " + std::to_string(n);
    entry.title = "title " + std::to_string(n);
    Random random(n);
    for (auto words = random.chance(1, 8) ? 1'500 : 40; words > 0; --words)
        entry.text += std::to_string(random.below(1'000'000)) + " ";
    return entry;
}

/// The call that is appended as the n-th, from 0: of sample n, with a text that only it has.
const CallEntry& call(std::uint64_t n) {
    static std::deque<CallEntry> made;
    while (made.size() <= n) made.push_back(make_call(made.size()));
    return made[n];
}

struct Exposure {
    std::int64_t money = 0, requests = 0;
    auto operator<=>(const Exposure&) const = default;
};

/// What a ledger must hold after a power loss.
struct Known {
    bool created = false;
    std::uint64_t durable = 0, appended = 0;  ///< calls: at least, at most
    std::vector<Exposure> exposures;          ///< with what is unaccounted; one of them
    std::vector<LedgerHead> heads;            ///< one of them
};

/// What was known when, in steps of the disk.
class Story {
public:
    explicit Story(const test::Recording& recording, Known begin = {}) : recording_(recording), now_(std::move(begin)) {
        note();
    }

    template <class Change>
    void tell(Change&& change) {
        const std::lock_guard lock(mutex_);
        change(now_);
        note();
    }
    [[nodiscard]] std::uint64_t appended() const {
        const std::lock_guard lock(mutex_);
        return now_.appended;
    }
    [[nodiscard]] std::size_t begin() const { return chapters_.front().first; }
    [[nodiscard]] const Known& after(std::size_t steps) const {
        return std::prev(std::ranges::upper_bound(chapters_, steps, {}, &Chapter::first))->second;
    }

private:
    using Chapter = std::pair<std::size_t, Known>;
    void note() { chapters_.emplace_back(recording_.steps(), now_); }

    const test::Recording& recording_;
    mutable std::mutex mutex_;
    Known now_;
    std::vector<Chapter> chapters_;
};

/// A writer that tells a story.
class Session {
public:
    Session(const fs::path& ledger, Story& story) : story_(story) {
        auto writer = LedgerWriter::open(ledger, [this] { durable(); });
        if (!writer) throw std::runtime_error(writer.error().message);
        const std::lock_guard lock(mutex_);
        writer_ = std::move(*writer);
        unaccounted_ = {writer_->initial().unaccounted.value, writer_->initial().unaccounted_requests};
    }
    LedgerWriter& writer() { return *writer_; }

    void append(int calls) {
        for (; calls > 0; --calls) {
            // Told before: the writer's thread may be fast.
            const auto n = story_.appended();
            story_.tell([](Known& k) { ++k.appended; });
            const std::lock_guard lock(mutex_);
            sequences_.emplace_back(writer_->append(call(n)), n + 1);
        }
    }
    void flush() { check(writer_->flush()); }
    void expose(std::int64_t money, std::int64_t requests) {
        const Exposure promised{unaccounted_.money + money, unaccounted_.requests + requests};
        story_.tell([&](Known& k) { k.exposures.push_back(promised); });
        check(writer_->set_exposure({money}, requests));
        story_.tell([&](Known& k) { k.exposures = {promised}; });
    }
    void close() {
        story_.tell([&](Known& k) { k.exposures.push_back(unaccounted_); });
        check(writer_->close());
        story_.tell([&](Known& k) { k.exposures = {unaccounted_}; });
    }
    void extend(LedgerHead& head, PlanStream* more, const LedgerHead& expected) {
        story_.tell([&](Known& k) { k.heads.push_back(expected); });
        check(writer_->extend(head, more));
        story_.tell([&](Known& k) { k.heads = {expected}; });
    }

private:
    void durable() {
        const std::lock_guard lock(mutex_);
        if (!writer_) return;
        const auto through = writer_->durable_through();
        for (; taken_ < sequences_.size() && sequences_[taken_].first <= through; ++taken_)
            story_.tell([&](Known& k) { k.durable = sequences_[taken_].second; });
    }
    static void check(const Status& status) {
        if (!status) throw std::runtime_error(status.error().message);
    }

    Story& story_;
    std::mutex mutex_;
    Exposure unaccounted_;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> sequences_;  // of appends, with the calls up to them
    std::size_t taken_ = 0;
    std::unique_ptr<LedgerWriter> writer_;  // last: its thread calls back until it is gone
};

/// Empties `folder` and fills it with `files`.
void lay_out(const Files& files, const fs::path& folder) {
    fs::remove_all(folder);
    fs::create_directories(folder);
    for (const auto& [name, bytes] : files) {
        if (const auto inside = (folder / name).parent_path(); fs::create_directory(inside))
            fs::permissions(inside, fs::perms(0700));
        test::write_file(folder / name, bytes);
        fs::permissions(folder / name, fs::perms(0600));
    }
}

std::set<std::string> names_in(const fs::path& folder) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename().string());
    return names;
}

/// The digest of the plan as it reads; with how many samples.
std::pair<std::string, std::uint64_t> plan_of(LedgerReader& reader) {
    auto plan = reader.plan();
    PlanDigest digest;
    std::vector<SampleSpec> specs(512);
    std::uint64_t samples = 0;
    for (;;) {
        auto got = plan->next(specs);
        if (!got) return {got.error().message, samples};
        if (*got == 0) return {digest.hexadecimal(), samples};
        std::string bytes;
        for (std::size_t i = 0; i < *got; ++i) pack(specs[i], bytes);
        digest.add(bytes);
        samples += *got;
    }
}

std::string integrity(const fs::path& ledger) {
    auto database = Database::open(ledger, Database::Mode::read_only);
    if (!database) return database.error().message;
    auto query = database->prepare("PRAGMA integrity_check");
    if (!query) return query.error().message;
    auto row = query->step();
    return row ? std::string(query->text(0)) : row.error().message;
}

/// How many calls there are: the first so many that were appended, each once and whole. What is wrong otherwise.
Result<std::uint64_t> calls_in(LedgerReader& reader) {
    const auto wrong = [](std::uint64_t n, const std::string& what) {
        return Error{ErrorCode::internal, "call " + std::to_string(n) + ": " + what, {}};
    };
    auto cursor = reader.accepted();
    CallEntry found;
    std::uint64_t calls = 0;
    std::int64_t spent = 0;
    for (;; ++calls) {
        auto more = cursor->next(found);
        if (!more) return wrong(calls, more.error().message);
        if (!*more) break;
        const CallEntry& expected = call(calls);
        if (found.row.sample != calls) return wrong(calls, "found sample " + std::to_string(found.row.sample));
        if (found.text != expected.text || found.title != expected.title || found.row.cost != expected.row.cost)
            return wrong(calls, "it is not what was appended");
        if (auto prompt = reader.prompt_of(calls, 1); !prompt || *prompt != expected.prompt)
            return wrong(calls, "its prompt is lost");
        spent += expected.row.cost->value;
    }
    auto progress = reader.progress();
    if (!progress) return std::move(progress).error();
    if (progress->calls != static_cast<std::int64_t>(calls) || progress->spent.value != spent)
        return wrong(calls, "the counters say " + std::to_string(progress->calls) + " calls");
    return calls;
}

/// The parameter: whether the folder is on a network file system, where a rollback journal takes the place of the WAL.
class PowerLossTest : public testing::TestWithParam<bool> {
protected:
    void SetUp() override {
        if (GetParam()) network_.emplace();
        sqlite3_auto_extension(reinterpret_cast<void (*)()>(&checkpoint_often));
        fs::create_directory(live_);
        head_.config_json = R"({"samples": 5000})";
        head_.taxonomy_json = R"({"labels":[{})";
        for (int i = 1; i < 39; ++i) head_.taxonomy_json += ",{}";
        head_.taxonomy_json += "]}";
        head_.seed = 7;
        head_.dictionary = "a typical prompt about pulsars, number";
        extended_ = head_;
        extended_.config_json = R"({"samples": 6500})";
        // Both heads as they will be, from ledgers that nobody records.
        const auto plan_ahead = [this](LedgerHead& head, const char* name) {
            RandomPlan plan(1, kSamples);
            if (!create_ledger(dir_ / name, head, plan).ok()) throw std::runtime_error("cannot make a ledger");
        };
        LedgerHead unrecorded = head_;
        plan_ahead(unrecorded, "ahead.sqlite");
        planned_ = unrecorded;
        {
            auto writer = LedgerWriter::open(dir_ / "ahead.sqlite", [] {});
            unrecorded.config_json = extended_.config_json;
            RandomPlan more(2, kMore);
            ASSERT_TRUE((*writer)->extend(unrecorded, &more).ok());
        }
        extended_ = unrecorded;
    }
    void TearDown() override { sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&checkpoint_often)); }

    void create(Story& story) {
        story.tell([&](Known& k) {
            k.heads = {planned_};
            k.exposures = {{}};
        });
        LedgerHead head = head_;
        RandomPlan plan(1, kSamples);
        const auto made = create_ledger(live_ / kLedger, head, plan);
        ASSERT_TRUE(made.ok()) << made.error().message;
        ASSERT_EQ(head.plan_digest, planned_.plan_digest);
        story.tell([](Known& k) { k.created = true; });
    }

    /// Loses power after each of `steps` and looks at what is left.
    void lose_power_everywhere(const std::vector<DiskStep>& steps, const Story& story) {
        const test::NoSync fast;
        Disk disk;
        for (std::size_t happened = 0;; ++happened) {
            if (happened >= story.begin()) {
                look(disk, story.after(happened), happened, Kept::none, 0);
                look(disk, story.after(happened), happened, Kept::all, 0);
                for (std::uint64_t torn = 0; torn < kTornStates; ++torn)
                    look(disk, story.after(happened), happened, Kept::some, derive_seed(happened, torn));
                if (failures_ >= 5) FAIL() << "and perhaps more";
            }
            if (happened == steps.size()) return;
            disk.happen(steps[happened]);
        }
    }

    void look(const Disk& disk, const Known& known, std::size_t happened, Kept kept, std::uint64_t seed) {
        const Files files = disk.after_power_loss(kept, seed);
        std::string key = std::to_string(known.durable) + "," + std::to_string(known.created);
        for (const auto& exposure : known.exposures) key += "," + std::to_string(exposure.money);
        for (const auto& [name, bytes] : files) key += name + std::to_string(bytes.size()) + bytes;
        if (!seen_.insert(std::hash<std::string>{}(key)).second) return;  // the same disk, the same promises
        ++states_;
        const fs::path folder = dir_ / "after";
        lay_out(files, folder);
        const auto wrong = examine(folder, known);
        if (wrong.empty()) return;
        ++failures_;
        std::string left;
        for (const auto& [name, bytes] : files) left += " " + name + ":" + std::to_string(bytes.size());
        ADD_FAILURE() << "after " << happened << " steps, "
                      << (kept == Kept::none  ? "nothing"
                          : kept == Kept::all ? "all"
                                              : "some (seed " + std::to_string(seed) + ")")
                      << " of what was not synced kept:" << left << "\n  " << wrong;
    }

    /// What is wrong with what a power loss left; empty: nothing.
    std::string examine(const fs::path& folder, const Known& known) {
        const fs::path ledger = folder / kLedger;
        if (!fs::exists(ledger)) {
            if (known.created) return "the ledger is gone";
            LedgerHead head = head_;
            RandomPlan plan(1, kSamples);
            if (auto made = create_ledger(ledger, head, plan); !made) return "the next run: " + made.error().message;
            return names_in(folder).size() == 1 ? "" : "the next run did not clear up";
        }
        std::uint64_t calls = 0;
        {
            auto reader = LedgerReader::open(ledger);
            if (!reader) return "cannot be read: " + reader.error().message;
            const auto head = std::ranges::find(known.heads, reader->head().plan_digest, &LedgerHead::plan_digest);
            if (head == known.heads.end() || reader->head().config_json != head->config_json ||
                reader->head().samples != head->samples || reader->head().seed != head->seed ||
                reader->head().taxonomy_json != head->taxonomy_json || reader->head().dictionary != head->dictionary)
                return "the head is another one";
            if (plan_of(*reader) != std::pair(head->plan_digest, head->samples))
                return "the plan is another one: " + plan_of(*reader).first;
            const auto found = calls_in(*reader);
            if (!found) return found.error().message;
            calls = *found;
            if (calls < known.durable || calls > known.appended)
                return std::to_string(calls) + " calls, but " + std::to_string(known.durable) + " were durable and " +
                       std::to_string(known.appended) + " appended";
            const auto progress = reader->progress();
            const Exposure exposure{progress->exposure.value + progress->unaccounted.value,
                                    progress->exposure_requests + progress->unaccounted_requests};
            if (std::ranges::find(known.exposures, exposure) == known.exposures.end())
                return "an exposure of " + std::to_string(exposure.money) + " was not promised";
        }
        if (const auto state = integrity(ledger); state != "ok") return "integrity: " + state;
        return go_on(folder, ledger, calls);
    }

    /// The next session, up to its clean end.
    static std::string go_on(const fs::path& folder, const fs::path& ledger, std::uint64_t calls) {
        {
            auto writer = LedgerWriter::open(ledger, [] {});
            if (!writer) return "cannot be resumed: " + writer.error().message;
            (*writer)->append(call(calls));
            (*writer)->append(call(calls + 1));
            if (auto closed = (*writer)->close(); !closed) return "cannot be closed: " + closed.error().message;
        }
        auto reader = LedgerReader::open(ledger);
        if (!reader) return "cannot be read again: " + reader.error().message;
        const auto found = calls_in(*reader);
        if (!found) return "once resumed: " + found.error().message;
        if (*found != calls + 2) return "once resumed: " + std::to_string(*found) + " calls";
        if (const auto state = integrity(ledger); state != "ok") return "once resumed: integrity: " + state;
        auto left = names_in(folder);
        left.erase(std::string(kLedger));
        std::erase_if(left, [](const auto& name) { return name.starts_with("."); });  // of a creation, for the next one
        return left.empty() ? "" : "once closed, " + *left.begin() + " is left";
    }

    std::optional<test::NetworkFilesystem> network_;
    test::TempDir dir_;
    fs::path live_ = dir_ / "live";
    LedgerHead head_, planned_, extended_;
    std::unordered_set<std::size_t> seen_;
    std::size_t states_ = 0;
    int failures_ = 0;
};

TEST_P(PowerLossTest, WhatWasAnnouncedIsThereAfterwards) {
    test::Recording recording(live_);
    Story story(recording);
    create(story);
    {
        // Like a run: somebody reads on in the plan while the answers come in.
        Session session(live_ / kLedger, story);
        auto reader = LedgerReader::open(live_ / kLedger);
        ASSERT_TRUE(reader.ok());
        auto plan = reader->plan();
        std::vector<SampleSpec> specs(16);
        ASSERT_EQ(*plan->next(specs), 16U);
        session.expose(5'000, 4);
        for (const int calls : {1, 3, 70, 2}) {
            session.append(calls);
            session.flush();
        }
        session.writer().append(RunEvent{{}, "window", "now 3 in flight at most"});
        session.writer().append(LearnedRemedy{"e", "m", {Remedy::Kind::rename_parameter, "a", "b"}});
        session.append(5);
        session.expose(9'000, 7);
        plan.reset();
        reader = Error{};
        session.close();
    }
    {
        Session session(live_ / kLedger, story);
        LedgerHead head = planned_;
        head.config_json = extended_.config_json;
        RandomPlan more(2, kMore);
        session.extend(head, &more, extended_);
        session.expose(2'000, 2);
        session.append(10);
        session.flush();
        session.append(1);
        session.close();
    }
    const auto steps = recording.take();
    lose_power_everywhere(steps, story);
    std::cout << states_ << " states of the disk after " << steps.size() << " steps\n";
    EXPECT_GT(states_, 200 * kTornStates);
}

TEST_P(PowerLossTest, OnceMoreWhileTheNextSessionRecovers) {
    std::vector<DiskStep> steps;
    std::vector<Files> left;
    {
        test::Recording recording(live_);
        Story story(recording);
        create(story);
        const auto created = recording.steps();
        {
            Session session(live_ / kLedger, story);
            session.expose(5'000, 4);
            session.append(40);
            session.flush();
            session.append(3);
            session.close();
        }
        steps = recording.take();
        Disk disk;
        for (std::size_t i = 0; i < steps.size(); ++i) {
            disk.happen(steps[i]);
            if (i >= created && i % 11 == 0) left.push_back(disk.after_power_loss(Kept::some, i));
        }
    }
    std::size_t all_steps = 0;
    for (const auto& files : left) {
        // What the next session finds, looked at in a copy: looking may already recover.
        Known found;
        found.created = true;
        lay_out(files, dir_ / "copy");
        {
            auto reader = LedgerReader::open(dir_ / "copy" / kLedger);
            ASSERT_TRUE(reader.ok()) << reader.error().message;
            const auto calls = calls_in(*reader);
            ASSERT_TRUE(calls.ok()) << calls.error().message;
            found.durable = found.appended = *calls;
            const auto progress = reader->progress();
            found.exposures = {{progress->exposure.value + progress->unaccounted.value,
                                progress->exposure_requests + progress->unaccounted_requests}};
            found.heads = {reader->head()};
        }
        lay_out(files, live_);
        test::Recording recording(live_);
        Story story(recording, found);
        {
            Session session(live_ / kLedger, story);
            session.expose(3'000, 3);
            session.append(2);
            session.close();
        }
        const auto recovery = recording.take();
        all_steps += recovery.size();
        lose_power_everywhere(recovery, story);
    }
    std::cout << states_ << " states of the disk after " << all_steps << " steps of " << left.size() << " recoveries\n";
    EXPECT_GT(left.size(), 5U);
}

INSTANTIATE_TEST_SUITE_P(Journals, PowerLossTest, testing::Values(false, true),
                         [](const auto& network) { return network.param ? "RollbackJournal" : "WriteAheadLog"; });

}  // namespace
}  // namespace synth::core
