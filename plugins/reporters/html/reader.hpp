// The texts that can be read in the page, accepted and rejected: which of them, and what the page knows of each. At
// most twice as many are held as are shown.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/topic_matcher.hpp"
#include "synth/reporter.hpp"

namespace synth::html {

/// An attempt at a sample before the one that was accepted, or a question of a validator.
struct Try {
    std::uint32_t attempt = 0;
    std::string role, outcome, reason, message;
    std::optional<PicoUsd> cost;  ///< 0 when nothing was sent
};

struct Rejection {
    std::string reason, message;
    std::uint32_t accepted_attempt = 0;  ///< that gave the sample after all; 0: none did
};

struct Shown {
    Record record;
    std::uint32_t target_words = 0;
    std::vector<Try> tries;
    std::string prompt;
    std::optional<Rejection> rejection{};  ///< of a text that was not accepted
};

/// As the page shows it, but for the prompt.
Shown shown_of(const SampleSpec& spec, RejectedText rejected, const std::string& provider);

/// Takes `most` of `expected` samples, evenly over the plan, so that each label keeps its part.
class Selection {
public:
    Selection(std::uint64_t most, std::uint64_t expected, std::size_t most_bytes)
        : most_(most), expected_(expected), most_bytes_(most_bytes) {}

    /// Whether the next one is one of them.
    [[nodiscard]] bool wants_next();
    void add(Shown sample);
    [[nodiscard]] std::vector<Shown>& samples() noexcept { return samples_; }

private:
    std::uint64_t most_, expected_, seen_ = 0, wanted_ = 0, every_ = 1;
    std::size_t most_bytes_, bytes_ = 0;
    std::vector<Shown> samples_;
};

/// Takes at most `most` rejected texts: those of rare reasons all, those of frequent ones evenly over the plan.
class RejectedSelection {
public:
    explicit RejectedSelection(std::uint64_t most) : most_(most) {}

    /// Whether the next one, which has that reason, is one of them.
    [[nodiscard]] bool wants_next(const std::string& reason);
    void add(Shown text);
    [[nodiscard]] std::uint64_t seen() const noexcept { return seen_; }
    /// By sample, then attempt.
    [[nodiscard]] std::vector<Shown> take() &&;

private:
    struct Part {
        std::uint64_t wanted = 0, every = 1;
        std::vector<Shown> texts;
    };
    std::uint64_t most_, seen_ = 0, held_ = 0;
    std::map<std::string, Part> parts_;  ///< by reason
};

/// Keeps `part` of them, evenly.
void thin_out(std::vector<Shown>& samples, double part);

/// The blocks of the page that hold samples; strings end with NUL.
struct Contents {
    std::string samples;  ///< JSON
    std::string texts, prompts;
    std::string spans;  ///< numbers, in columns, as page.js reads them
};

/// The accepted ones first.
Contents contents_of(const std::vector<Shown>& accepted, const std::vector<Shown>& rejected,
                     const plugins::TopicMatcher& matcher);

}  // namespace synth::html
