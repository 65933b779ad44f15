// Reporter: says something about a run, from its ledger and nothing else, while it is finished or at any later time.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "synth/provider.hpp"
#include "synth/result.hpp"
#include "synth/types.hpp"

namespace synth {

/// How one call ended. A sample has at most one `accepted` row.
enum class Outcome : std::uint8_t {
    accepted,   ///< a draft that all validators passed
    rejected,   ///< paid for, not usable: refused, malformed, truncated, or rejected by a validator
    failed,     ///< no answer: transport, 5xx, wrong request
    answered,   ///< an answer to a validator's ask
    remedied,   ///< refused for a parameter; sent again without it: not an attempt
    throttled,  ///< told to wait (429 and the like): not an attempt
    halted,     ///< key, credit, permission or model refused: stopped the run, not an attempt
    abandoned,  ///< in flight when the run was told to stop and did not wait: not an attempt
    probed,     ///< no answer, asked to see whether a service that was down is back: not an attempt
    held,       ///< passed what looks at one text alone; waits for a validator's answer or for the samples before it
};

[[nodiscard]] constexpr std::string_view name_of(Outcome outcome) noexcept {
    switch (outcome) {
        case Outcome::accepted: return "accepted";
        case Outcome::rejected: return "rejected";
        case Outcome::failed: return "failed";
        case Outcome::answered: return "answered";
        case Outcome::remedied: return "remedied";
        case Outcome::throttled: return "throttled";
        case Outcome::halted: return "halted";
        case Outcome::abandoned: return "abandoned";
        case Outcome::probed: return "probed";
        case Outcome::held: return "held";
    }
    return "failed";
}

/// One call as the ledger has it, without its texts.
struct CallRow {
    std::uint64_t sample = 0;  ///< plan index
    std::uint32_t attempt = 1;
    std::string role;  ///< "write"; a validator's ask has that validator's id
    Outcome outcome = Outcome::failed;
    std::string reason;   ///< why it was not accepted, a stable word; empty when accepted
    std::string message;  ///< the same for people
    std::string model, tier;
    FinishReason finish = FinishReason::unknown;
    std::optional<Usage> usage;
    std::optional<PicoUsd> cost;  ///< usage × price at the time; absent: unknown
    PicoUsd reserved;             ///< stays charged when a request was sent and never answered; else 0
    std::uint64_t words = 0;      ///< of the draft; 0 when there was none
    std::uint32_t target_words = 0;
    bool sent = false;  ///< over the network; false: answered in process (offline)
    TimePoint began{}, ended{};
    std::vector<Finding> findings;      ///< of the validators: warnings, and what it was rejected for
    std::vector<Attribute> attributes;  ///< Prompt::attributes
};

/// What an answer that was paid for and not accepted said.
struct RejectedText {
    CallRow call;      ///< rejected: why, and what the validators found
    std::string text;  ///< as it came from the model; the body of an answer that could not be read, or nothing
};

/// Something that happened to the run: a change of the window, of learned limits, a pause, a resume.
struct RunEvent {
    TimePoint at{};
    std::string kind;    ///< "window", "limits", "remedy", "started", "stopped", …
    std::string detail;  ///< one line for people
};

struct RunFacts {
    std::string name;  ///< stem of the files
    std::uint64_t seed = 0;
    std::string plan_digest;
    std::uint64_t samples = 0;            ///< asked for
    std::uint64_t samples_per_class = 0;  ///< 0: not asked that way
    std::uint32_t min_labels = 0, max_labels = 0;
    std::uint32_t max_attempts = 0, window = 0, batch_size = 0;
    std::string provider, model, endpoint, prices_as_of, disclaimer;
    double seconds = 0;  ///< from first send to last answer, over all sessions of the run, pauses between not counted
    std::uint32_t sessions = 1;              ///< 1 + how often it was resumed
    PicoUsd unaccounted;                     ///< charged for requests that were in flight when a session was killed
    std::uint64_t unaccounted_requests = 0;  ///< how many those can have been, at most
};

/// Reads one row after the other; one thread at a time.
template <class Row>
class Cursor {
public:
    virtual ~Cursor() = default;
    /// False at the end. `row` keeps its allocations, so reuse it.
    virtual Result<bool> next(Row& row) = 0;
};

/// A run, streamed: nothing holds all samples.
class RunView {
public:
    [[nodiscard]] virtual const RunFacts& facts() const = 0;
    [[nodiscard]] virtual const Taxonomy& taxonomy() const = 0;
    [[nodiscard]] virtual std::unique_ptr<Cursor<SampleSpec>> plan() const = 0;  ///< by index
    [[nodiscard]] virtual std::unique_ptr<Cursor<CallRow>> calls() const = 0;    ///< by sample, then in order
    [[nodiscard]] virtual std::unique_ptr<Cursor<RunEvent>> events() const = 0;  ///< by time
    [[nodiscard]] virtual std::unique_ptr<Cursor<Record>> records() const = 0;   ///< accepted samples, by index
    /// Calls that were to write a document and are `rejected`, by sample, then in order: rows of `calls`.
    [[nodiscard]] virtual std::unique_ptr<Cursor<RejectedText>> rejected() const = 0;
    /// What was asked for, as text, message by message under "[system]", "[user]", "[assistant]"; empty when nothing
    /// was (a data set that was made elsewhere).
    [[nodiscard]] virtual Result<std::string> prompt(std::uint64_t sample, std::uint32_t attempt) const = 0;
    /// The provider that made the run; prices of today, for what-if questions only.
    [[nodiscard]] virtual std::span<const ModelInfo> models() const = 0;
    [[nodiscard]] virtual std::optional<PicoUsd> price(const Usage& usage, const Billing& billing) const = 0;

protected:
    ~RunView() = default;
};

/// One reporter's part of the closing report.
struct Section {
    std::string title;  ///< "Cost"
    std::string text;   ///< for a terminal, lines of at most 100 columns, no colours
    std::string json;   ///< an object; its members become members of NAME.report.json
    std::string
        page{};  ///< a self-contained HTML document for NAME.report.html; empty: none. At most one reporter has one
};

class Reporter {
public:
    static constexpr const char* kKind = "reporter";
    static constexpr std::uint32_t kInterfaceVersion = 3;

    virtual ~Reporter() = default;
    virtual Result<Section> report(const RunView& run) const = 0;
};

}  // namespace synth
