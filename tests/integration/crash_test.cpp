// The program is killed with SIGKILL, again and again and in every state of a run, and resumed until it is done. What
// is left is byte for byte what a run that nobody killed leaves, no answer that the ledger had is paid for again, and
// the folder holds nothing else.

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "integration/program.hpp"
#include "synth/random.hpp"

namespace synth::test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kWindow = 8, kGroupCommit = 64;

class KillTest : public ProgramTest {
protected:
    static std::vector<std::string> samples(int count) {
        return {"--num-samples", std::to_string(count), "--max-concurrent", std::to_string(kWindow)};
    }

    /// Names in the output folder, those of six random characters without them.
    [[nodiscard]] std::set<std::string> left() const {
        std::set<std::string> names;
        if (!fs::exists(dir_ / "out")) return names;
        for (const auto& entry : fs::directory_iterator(dir_ / "out")) {
            auto name = entry.path().filename().string();
            if (name.find(".partial.") != std::string::npos) name.resize(name.size() - 6);
            names.insert(name);
        }
        return names;
    }

    /// How many answers the ledger has of each sample; read from a copy, so that what the next session finds is
    /// untouched.
    [[nodiscard]] std::map<std::int64_t, int> accepted_in_ledger() const {
        const TempDir copy;
        for (const char* suffix : {"", "-wal", "-journal"})
            if (fs::exists(ledger() + suffix))
                fs::copy_file(ledger() + suffix, copy / (std::string("ledger") + suffix));
        sqlite3* raw = nullptr;
        const int opened = sqlite3_open_v2((copy / "ledger").c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr);
        const std::unique_ptr<sqlite3, int (*)(sqlite3*)> database(raw, &sqlite3_close);
        sqlite3_stmt* statement = nullptr;
        if (opened != SQLITE_OK ||
            sqlite3_prepare_v2(raw, "SELECT sample FROM call WHERE outcome = 0", -1, &statement, nullptr) != SQLITE_OK)
            throw std::runtime_error(std::string("the ledger of a killed run: ") + sqlite3_errmsg(raw));
        std::map<std::int64_t, int> accepted;
        int code = SQLITE_OK;
        while ((code = sqlite3_step(statement)) == SQLITE_ROW) ++accepted[sqlite3_column_int64(statement, 0)];
        sqlite3_finalize(statement);
        if (code != SQLITE_DONE)
            throw std::runtime_error(std::string("the ledger of a killed run: ") + sqlite3_errmsg(raw));
        return accepted;
    }

    /// What the requests of a run of so many samples look like, by hash: an unbroken run asks for one after the other.
    [[nodiscard]] std::map<std::uint64_t, std::int64_t> requests_in_order(int count) const {
        const FaultServer server(R"({"words": 60})");
        const auto finished = generate({"--num-samples", std::to_string(count), "--max-concurrent", "1", "--output-dir",
                                        "ordered", "-o", "provider.base_url=" + server.base_url()});
        if (finished.exit_code != 0) throw std::runtime_error("the unbroken run failed: " + finished.err);
        std::map<std::uint64_t, std::int64_t> whose;
        for (const auto& request : server.requests()) whose.try_emplace(request.body_hash, whose.size());
        return whose;
    }

    /// Waits until `happened` or the program ended; whether it happened.
    static bool watch(const Process& process, const std::function<bool()>& happened) {
        for (;;) {
            if (happened()) return true;
            siginfo_t info{};
            if (::waitid(P_PID, static_cast<id_t>(process.pid()), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
                info.si_pid != 0)
                return false;
            std::this_thread::yield();
        }
    }

    /// Starts, or goes on with, the run; kills it once `happened`. False: it ended before.
    bool kill_when(const std::vector<std::string>& settings, const std::function<bool()>& happened) {
        Process process(fs::exists(ledger()) ? command({"resume", ledger()}) : generating(settings));
        const bool reached = watch(process, happened);
        process.send(SIGKILL);
        const auto& finished = process.wait();
        if (finished.signal == SIGKILL) return reached;
        EXPECT_EQ(finished.exit_code, 0) << finished.err;
        return false;
    }

    void finish_and_compare(const std::vector<std::string>& settings) {
        const auto finished = fs::exists(ledger()) ? run_program({"resume", ledger()}) : generate(settings);
        ASSERT_EQ(finished.exit_code, 0) << finished.err;
        EXPECT_EQ(read_file(output("json")), unbroken(settings));
        EXPECT_THAT(left(), ElementsAre("run.json", "run.ledger.sqlite", "run.report.json"));
    }
};

TEST_F(KillTest, SixtyTimesAtRandomMoments) {
    constexpr int kSamples = 400, kKills = 60;
    serve(R"("latency": {"median_ms": 10, "sigma": 0.5})");
    const auto settings = samples(kSamples);
    const auto whose = requests_in_order(kSamples);
    ASSERT_THAT(whose, SizeIs(kSamples));
    Random random(20240607);
    std::map<std::int64_t, std::chrono::steady_clock::time_point> accepted;  // since when it is known
    std::size_t lost = 0, before_it_has_its_name = 0;
    for (int killed = 0; killed < kKills;) {
        const auto before = server_.requests().size();
        // Some after a while, from before the first request on; the others while answers come in. Few at a time are let
        // through, so that there is something to do for all of them.
        const bool by_time = killed < 5 || random.chance(1, 4);
        const auto delay = std::chrono::microseconds(random.between(0, 100'000));
        const auto requests = before + random.below(14);
        const auto began = Clock::now();
        if (!kill_when(settings,
                       [&] { return by_time ? Clock::now() - began >= delay : server_.requests().size() >= requests; }))
            continue;
        ++killed;
        const auto sent = server_.requests().size() - before;
        if (!fs::exists(ledger())) {
            ++before_it_has_its_name;
            ASSERT_EQ(sent, 0U) << "nothing is sent before the ledger is there";
            continue;
        }
        const auto now = accepted_in_ledger();
        for (const auto& [sample, known] : accepted) ASSERT_TRUE(now.contains(sample)) << sample << " is lost";
        for (const auto& [sample, times] : now) ASSERT_EQ(times, 1) << sample << " was paid for twice";
        const auto added = now.size() - accepted.size();
        if (sent > added) lost += sent - added;  // in flight, or answered and not yet in the ledger
        for (const auto& [sample, times] : now) accepted.try_emplace(sample, Clock::now());
    }
    EXPECT_LT(before_it_has_its_name, kKills / 3U);
    finish_and_compare(settings);
    EXPECT_THAT(records(), SizeIs(kSamples));
    // Exactly: what the ledger had right after a kill was never asked for again.
    for (const auto& request : server_.requests()) {
        const auto sample = whose.at(request.body_hash);
        const auto known = accepted.find(sample);
        EXPECT_TRUE(known == accepted.end() || request.received < known->second) << sample << " was asked for again";
    }
    EXPECT_LE(server_.requests().size(), kSamples + kKills * (kWindow + kGroupCommit));
    std::cout << kKills << " kills (" << before_it_has_its_name << " before the ledger had its name), " << lost
              << " requests lost with them, " << server_.requests().size() << " in all for " << kSamples
              << " samples\n";
}

TEST_F(KillTest, BeforeTheLedgerHasItsName) {
    const auto settings = samples(12);
    const auto in_creation = [this] { return left().contains(".run.partial."); };
    int caught = 0;
    for (int attempt = 0; attempt < 40 && caught < 3; ++attempt) {
        ASSERT_FALSE(fs::exists(ledger())) << "the name came before the kill in all of the attempts";
        if (!kill_when(settings, in_creation) || fs::exists(ledger())) {
            fs::remove_all(dir_ / "out");  // too late for this one
            continue;
        }
        ++caught;
        EXPECT_TRUE(left().contains("run.lock"));
    }
    ASSERT_EQ(caught, 3);
    EXPECT_THAT(server_.requests(), IsEmpty());
    finish_and_compare(settings);
}

TEST_F(KillTest, WhenTheLedgerHasItsNameAndNothingWasSent) {
    const auto settings = samples(12);
    bool caught = false;
    for (int attempt = 0; attempt < 40 && !caught; ++attempt) {
        fs::remove_all(dir_ / "out");
        const auto before = server_.requests().size();
        caught = kill_when(settings, [this] { return fs::exists(ledger()); }) && server_.requests().size() == before;
    }
    ASSERT_TRUE(caught);
    EXPECT_THAT(accepted_in_ledger(), IsEmpty());
    finish_and_compare(settings);
}

TEST_F(KillTest, WithAnswersThatAreNotInTheLedger) {
    serve(R"("latency": {"ms": 3})");
    const auto settings = samples(200);
    const auto answered = [this] {
        const auto log = server_.requests();
        return static_cast<std::size_t>(std::ranges::count(log, true, &LoggedRequest::sent));
    };
    std::size_t accepted = 0, lost = 0;
    for (int attempt = 0; attempt < 12 && lost == 0; ++attempt) {
        const auto before = answered();
        ASSERT_TRUE(kill_when(settings, [&] { return answered() >= before + 4; }));
        const auto now = accepted_in_ledger().size();
        const auto arrived = answered() - before;
        if (arrived > now - accepted) lost = arrived - (now - accepted);
        accepted = now;
    }
    EXPECT_GT(lost, 0U);
    finish_and_compare(settings);
}

/// Where in the end of a run it is killed: once this name is in the folder, or is no longer.
struct Moment {
    const char* name;
    const char* file;
    bool appears;
};

class KillAtTheEndTest : public KillTest, public testing::WithParamInterface<Moment> {};

TEST_P(KillAtTheEndTest, NothingIsPaidForAgain) {
    const auto settings = samples(40);
    const Moment moment = GetParam();
    ASSERT_EQ(generate(settings).exit_code, 0);
    ASSERT_THAT(server_.requests(), SizeIs(40));
    // A finished run that is resumed does nothing but write its outputs and close.
    bool caught = false;
    for (int attempt = 0; attempt < 20 && !caught; ++attempt) {
        if (moment.appears) fs::remove(dir_ / "out" / moment.file);
        bool was_there = moment.appears;
        caught = kill_when(settings, [&] {
            const bool there = left().contains(moment.file);
            was_there = was_there || there;
            return was_there && there == moment.appears;
        });
    }
    ASSERT_TRUE(caught);
    finish_and_compare(settings);
    EXPECT_THAT(server_.requests(), SizeIs(40));
}

INSTANTIATE_TEST_SUITE_P(Moments, KillAtTheEndTest,
                         testing::Values(Moment{"WritingOutputs", ".run.partial.", true},
                                         Moment{"OutputsInPlace", "run.json", true},
                                         Moment{"ReportInPlace", "run.report.json", true},
                                         Moment{"LeavingTheWal", "run.ledger.sqlite-wal", false}),
                         [](const auto& moment) { return std::string(moment.param.name); });

}  // namespace
}  // namespace synth::test
