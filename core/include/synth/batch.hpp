// Deferred batches: many requests in a file, answered within a day at a lower price. A provider that has them offers
// this interface as `extension(kBatchExtension)`, a `const BatchCodec*`. Like the provider it is a codec: it sends
// nothing.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "synth/result.hpp"
#include "synth/types.hpp"

namespace synth {

/// Raised with any change to this header, which no other version number covers.
inline constexpr std::string_view kBatchExtension = "synth.batch/2";

/// What one batch may hold.
struct BatchLimits {
    std::uint64_t lines = 0, bytes = 0;
};

/// A batch as the service describes it.
struct BatchState {
    enum class Phase : std::uint8_t {
        waiting,  ///< taken in, not begun
        running,
        ended,       ///< whatever came of it: nothing will change any more
        refused,     ///< ended without a line having been worked on; `error` says why
        queue_full,  ///< refused because too much is queued for this account: the same may be submitted later
    } phase = Phase::waiting;
    std::string id, input_file;
    std::string output_file, error_file;  ///< empty: none (yet)
    std::string tag;                      ///< that it was submitted with
    std::string status;                   ///< the service's own word, for people
    std::string error;                    ///< one line
    std::uint64_t total = 0, done = 0, failed = 0;
    std::optional<TimePoint> expires;
};

/// Files or batches, newest first as a rule.
template <class Item>
struct BatchPage {
    std::vector<Item> items;
    std::string next;  ///< cursor of the page after it; empty: this is the last
};

struct BatchFile {
    std::string id, name;
};

/// A request whose body is `request.body`, the lines of a batch from a file, and `tail`.
struct BatchUpload {
    HttpRequest request;
    std::string tail;
};

/// One line of an output or error file.
struct BatchAnswer {
    std::string custom_id;
    std::optional<HttpResponse> response;  ///< as `Provider::decode` takes it; absent: the line was not worked on
    std::string error;                     ///< why not, one line
    bool expired = false;                  ///< not worked on because time ran out or it was cancelled: nobody's fault
};

/// Requests are the core's to send; what is read from a response is an Error like a reply's: unauthorized, exhausted,
/// rate_limited, unavailable; invalid_argument with the reason kNoBatches where the server has none.
class BatchCodec {
public:
    virtual ~BatchCodec() = default;

    [[nodiscard]] virtual BatchLimits limits() const = 0;

    /// One line, with its line end, for a request that `Provider::encode` made.
    [[nodiscard]] virtual std::string line(const HttpRequest& request, std::string_view custom_id) const = 0;

    /// `name`: of the file at the service.
    [[nodiscard]] virtual BatchUpload upload(std::string_view name) const = 0;
    [[nodiscard]] virtual Result<BatchFile> uploaded(const HttpResponse& response) const = 0;

    [[nodiscard]] virtual HttpRequest submit(std::string_view file, std::string_view tag) const = 0;
    [[nodiscard]] virtual HttpRequest look(std::string_view batch) const = 0;
    [[nodiscard]] virtual HttpRequest cancel(std::string_view batch) const = 0;
    /// Of these three.
    [[nodiscard]] virtual Result<BatchState> state(const HttpResponse& response) const = 0;

    /// `after`: empty, or the cursor of the page before.
    [[nodiscard]] virtual HttpRequest list_files(std::string_view after) const = 0;
    [[nodiscard]] virtual Result<BatchPage<BatchFile>> files(const HttpResponse& response) const = 0;
    [[nodiscard]] virtual HttpRequest list_batches(std::string_view after) const = 0;
    [[nodiscard]] virtual Result<BatchPage<BatchState>> batches(const HttpResponse& response) const = 0;

    [[nodiscard]] virtual HttpRequest download(std::string_view file) const = 0;
    /// An error unless it succeeded; a response that did has no body here, its lines are in a file.
    [[nodiscard]] virtual Status downloaded(const HttpResponse& response) const = 0;
    /// malformed when it is no answer line.
    [[nodiscard]] virtual Result<BatchAnswer> answer(const std::string& line) const = 0;
};

/// Error::reason of a server without batches.
inline constexpr std::string_view kNoBatches = "no_batches";

}  // namespace synth
