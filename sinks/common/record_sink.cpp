#include "common/record_sink.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/json_writer.hpp"

namespace synth::sinks {

namespace {

using plugins::JsonWriter;

/// A file that is written from its beginning, through a buffer that users append to.
class BufferedFile {
public:
    BufferedFile() = default;
    BufferedFile(const BufferedFile&) = delete;
    BufferedFile& operator=(const BufferedFile&) = delete;
    ~BufferedFile() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }

    Status open(std::string path) {
        path_ = std::move(path);
        descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (descriptor_ < 0) return failed("create");
        buffer_.reserve(kBufferSize + kBufferSize / 4);
        return {};
    }

    [[nodiscard]] std::string& buffer() noexcept { return buffer_; }

    /// To be called after each record: writes when enough has come together.
    Status flush_if_full() { return buffer_.size() < kBufferSize ? Status() : flush(); }

    Status close() {
        if (Status flushed = flush(); !flushed) return flushed;
        // After EINTR the descriptor is closed on Linux all the same.
        if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) return failed("write");
        return {};
    }

private:
    static constexpr std::size_t kBufferSize = std::size_t{256} * 1024;

    Status flush() {
        std::string_view rest = buffer_;
        while (!rest.empty()) {
            const ::ssize_t written = ::write(descriptor_, rest.data(), rest.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return failed("write");
            rest.remove_prefix(static_cast<std::size_t>(written));
        }
        buffer_.clear();
        return {};
    }

    [[nodiscard]] Error failed(const char* what) const {
        const int number = errno;
        return {ErrorCode::io,
                std::string("cannot ") + what + " '" + path_ + "': " + std::generic_category().message(number)};
    }

    std::string path_, buffer_;
    int descriptor_ = -1;
};

/// ISO 8601 in UTC with milliseconds; nothing for a time that was never set.
std::optional<std::string> iso_time(TimePoint time) {
    if (time == TimePoint{}) return std::nullopt;
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    std::array<char, 64> text{};
    const int length =
        std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
    return std::string(text.data(), static_cast<std::size_t>(length));
}

std::optional<std::string_view> unless_empty(std::string_view text) {
    return text.empty() ? std::nullopt : std::optional(text);
}

void write_usage(JsonWriter& json, const std::optional<Usage>& usage) {
    json.key("usage");
    if (!usage) return json.null();
    json.begin_object();
    json.member("input_tokens", usage->input);
    json.member("cached_tokens", usage->cached_input);
    json.member("cache_write_tokens", usage->cache_write);
    json.member("output_tokens", usage->output);
    json.member("reasoning_tokens", usage->reasoning);
    json.end_object();
}

void write_metadata(JsonWriter& json, const Record& record, const Taxonomy& taxonomy) {
    json.begin_object();
    json.member("id", record.index + 1);  // the number in the link
    json.key("label_codes");
    json.begin_array();
    for (const LabelId label : record.labels) json.value(taxonomy[label].code);
    json.end_array();
    json.member("provider", record.provider);
    json.member("model", unless_empty(record.model));
    json.member("prompt_hash", unless_empty(record.prompt_hash));
    // Text, because most readers of JSON keep 53 bits of a number and a seed has 64.
    json.member("seed", std::to_string(record.seed));
    json.member("attempt", record.attempt);
    json.member("finish_reason", name_of(record.finish));
    write_usage(json, record.usage);
    json.member("cost_usd", record.cost);
    json.member("words", record.words);
    json.key("findings");
    json.begin_array();
    for (const Finding& finding : record.findings) {
        json.begin_object();
        json.member("severity", finding.severity == Severity::warning ? "warning" : "rejection");
        json.member("code", finding.code);
        json.member("message", finding.message);
        json.end_object();
    }
    json.end_array();
    json.member("sent", iso_time(record.sent));
    json.member("received", iso_time(record.received));
    json.end_object();
}

class RecordSink final : public Sink {
public:
    RecordSink(const Framing& framing, bool metadata) : framing_(framing), metadata_(metadata) {}

    Status open(const SinkContext& context) override {
        taxonomy_ = context.taxonomy;
        if (Status opened = file_.open(context.staging_dir + "/" + context.stem + std::string(framing_.extension));
            !opened)
            return opened;
        file_.buffer() += framing_.begin;
        return {};
    }

    Status write(const Record& record) override {
        file_.buffer() += std::exchange(any_, true) ? framing_.before_next : framing_.before_first;
        JsonWriter json(file_.buffer());
        json.begin_object();
        json.member("link", record.link);
        json.member("full_text", record.text);
        json.key("labels");
        json.begin_array();
        for (const LabelId label : record.labels) json.value((*taxonomy_)[label].name);
        json.end_array();
        if (metadata_) {
            json.member("title", record.title);
            json.key("metadata");
            write_metadata(json, record, *taxonomy_);
        }
        json.end_object();
        return file_.flush_if_full();
    }

    Status finish(const RunSummary&) override {
        file_.buffer() += any_ ? framing_.end : framing_.end_of_none;
        return file_.close();
    }

private:
    Framing framing_;
    bool metadata_;
    const Taxonomy* taxonomy_ = nullptr;
    BufferedFile file_;
    bool any_ = false;  ///< a record was written
};

}  // namespace

Result<std::unique_ptr<Sink>> make_record_sink(const Framing& framing, std::string_view options_json) {
    const auto options = nlohmann::json::parse(options_json);
    return std::unique_ptr<Sink>(std::make_unique<RecordSink>(framing, options.at("metadata").get<bool>()));
}

}  // namespace synth::sinks
