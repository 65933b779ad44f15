// What the charts and tables of the page show, counted in one pass. Memory does not depend on the number of samples:
// time is kept in at most kMostSlices slices, lists of failures, missing samples and events end at kMostRows.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "common/json_writer.hpp"
#include "synth/reporter.hpp"

namespace synth::html {

inline constexpr std::size_t kMostRows = 500;

/// What was bought, as far as it is known.
struct Money {
    std::uint64_t calls = 0, unknown = 0;  ///< that were billed; of them, those whose price is not known
    PicoUsd spent, reserved;
    Tokens input, output;

    void add(const CallRow& call);
    void write(plugins::JsonWriter& json) const;
};

/// Calls over time. Slices without a call take no room; when there are too many they become twice as long.
class Timeline {
public:
    void add(const CallRow& call);
    void write(plugins::JsonWriter& json) const;

private:
    static constexpr std::size_t kMostSlices = 600;
    struct Slice {
        std::uint64_t accepted = 0, unusable = 0, throttled = 0, began = 0, ended = 0;
        Tokens input, output;
        PicoUsd spent;
        std::int64_t busy_ms = 0;  ///< from each beginning, less that from each end, to the end of the slice
        void add(const Slice& other);
    };
    Slice& at(TimePoint time);

    std::map<std::int64_t, Slice> slices_;  ///< by time / width
    std::chrono::milliseconds width_{10};
};

/// Documents of a data set to compare with.
struct Reference {
    std::string name;
    std::uint64_t documents = 0;
    std::vector<std::uint64_t> labels;             ///< by LabelId
    std::map<std::uint64_t, std::uint64_t> words;  ///< documents by number of words

    /// io and malformed, naming file and place. Labels that the taxonomy lacks are left out.
    static Result<Reference> read(const std::string& path, const Taxonomy& taxonomy);
};

class Figures {
public:
    explicit Figures(const RunView& run);

    void add_planned(const SampleSpec& spec);
    void add_call(const CallRow& call);
    void add_accepted(const SampleSpec& spec, const Record& record, std::uint32_t target_words);
    void add_missing(const SampleSpec& spec, const std::string& reason, const std::string& message);
    void add_event(const RunEvent& event);

    [[nodiscard]] std::uint64_t accepted() const noexcept { return accepted_; }
    /// `shown`: how many samples the page can be read of; `rejected`: how many texts of rejected calls there are.
    [[nodiscard]] std::string json(const std::optional<Reference>& reference, std::uint64_t shown,
                                   std::uint64_t rejected) const;

private:
    struct Label {
        std::uint64_t target = 0, made = 0, carried = 0;
    };
    struct Found {
        std::uint64_t accepted = 0, rejected = 0;
    };
    struct Miss {
        std::uint64_t index;
        LabelSet labels;
        std::string reason, message;
    };
    void add_findings(const std::vector<Finding>& findings, std::uint64_t Found::* count);
    void write_run(plugins::JsonWriter& json) const;
    void write_labels(plugins::JsonWriter& json) const;
    void write_words(plugins::JsonWriter& json) const;
    void write_findings(plugins::JsonWriter& json) const;
    void write_failures(plugins::JsonWriter& json) const;

    const RunView& run_;
    const Taxonomy& taxonomy_;
    std::uint64_t accepted_ = 0, missing_ = 0, unusable_ = 0, events_in_all_ = 0, below_target_ = 0;
    std::vector<Label> labels_;
    std::vector<std::uint64_t> pairs_;  ///< carried together; on the diagonal: carried
    std::map<std::uint64_t, std::uint64_t> words_;
    std::map<std::uint32_t, std::uint64_t> targets_;
    std::map<std::tuple<std::string, std::string, std::string>, Found> findings_;  ///< validator, code, label
    std::map<std::string, Money> by_role_;
    std::map<std::tuple<std::string, Outcome, std::string>, Money>
        by_reason_;  ///< role, outcome, reason; unusable ones
    std::map<std::tuple<std::string, Outcome, std::string>, std::uint64_t> times_;
    Timeline timeline_;
    std::vector<CallRow> failures_;  ///< the first of them
    std::vector<Miss> misses_;       ///< the first of them
    std::map<std::string, std::uint64_t> misses_by_reason_;
    std::vector<RunEvent> events_;  ///< the first of them
};

/// Whether the service bills it: what it refused (a wrong parameter, a rate limit) or never answered is free.
[[nodiscard]] bool billed(const CallRow& call);

}  // namespace synth::html
