#include "batch.hpp"

#include <cstdint>
#include <optional>

#include "common/plain_text.hpp"
#include "common/reply_json.hpp"
#include "common/request_json.hpp"

namespace synth::openai {

using namespace providers;

namespace {

constexpr std::string_view kTag = "tdamm_synth";  // our key among a batch's metadata
constexpr std::string_view kPageSize = "100";

std::uint64_t number_of(const Json& value) {
    const auto count = count_of(value);
    return count && count->count > 0 ? static_cast<std::uint64_t>(count->count) : 0;
}

/// Ids go into URLs: what no service gives is not asked for.
std::string id_of(const Json& value) {
    const auto text = value.text();
    const bool good = text.size() <= 200 &&
                      text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
                          std::string_view::npos;
    return good ? std::string(text) : std::string();
}

BatchState read_state(const Json& batch) {
    using Phase = BatchState::Phase;
    BatchState state;
    state.id = id_of(batch.member("id"));
    state.input_file = id_of(batch.member("input_file_id"));
    state.output_file = id_of(batch.member("output_file_id"));
    state.error_file = id_of(batch.member("error_file_id"));
    state.tag = batch.member("metadata").member(kTag).text();
    state.status = one_line(batch.member("status").text());
    const Json counts = batch.member("request_counts");
    state.total = number_of(counts.member("total"));
    state.done = number_of(counts.member("completed"));
    state.failed = number_of(counts.member("failed"));
    if (const auto expires = number_of(batch.member("expires_at")); expires > 0 && expires < 100'000'000'000)
        state.expires = TimePoint(std::chrono::seconds(expires));
    state.phase = state.status == "completed" || state.status == "expired" || state.status == "cancelled" ? Phase::ended
                  : state.status == "failed"     ? Phase::refused
                  : state.status == "validating" ? Phase::waiting
                                                 : Phase::running;
    if (state.phase == Phase::refused) {
        const Json error = batch.member("errors").member("data").first();
        const auto code = error.member("code").text();
        state.error = one_line(error.member("message").text());
        if (state.error.empty()) state.error = code.empty() ? "the batch failed" : std::string(code);
        if (code == "token_limit_exceeded") state.phase = Phase::queue_full;
    }
    return state;
}

template <class Item, class Read>
BatchPage<Item> read_page(const HttpResponse& response, Read&& read) {
    BatchPage<Item> page;
    const Json body = parse_body(response.body);
    std::string last;
    for (const Json item : body.member("data").elements()) {
        page.items.push_back(read(item));
        last = page.items.back().id;
    }
    if (body.member("has_more").truth() == true) page.next = last;
    return page;
}

Error unreadable(const char* what) {
    return {ErrorCode::malformed, std::string("the server's answer about ") + what + " cannot be read", "malformed"};
}

}  // namespace

HttpRequest Batches::get(const std::string& path) const {
    HttpRequest request = authorized_();
    request.method = "GET";
    request.url = base_ + path;
    std::erase_if(request.headers, [](const auto& header) { return header.first == "Content-Type"; });
    return request;
}

HttpRequest Batches::post(const std::string& path, std::string body) const {
    HttpRequest request = authorized_();
    request.url = base_ + path;
    request.body = std::move(body);
    return request;
}

std::optional<Error> Batches::failure(const HttpResponse& response, const char* what) const {
    if (response.status >= 200 && response.status < 300) return std::nullopt;
    if (response.status == 404 || response.status == 405 || response.status == 501)
        return Error{ErrorCode::invalid_argument,
                     base_ + " has no " + what + " (HTTP " + std::to_string(response.status) +
                         "); a server without batches is used with --mode direct",
                     std::string(kNoBatches)};
    return refusal_(response);
}

std::string Batches::line(const HttpRequest& request, std::string_view custom_id) const {
    std::string line;
    line.reserve(request.body.size() + custom_id.size() + 96);
    line += "{\"custom_id\":";
    append_json_string(line, custom_id);
    line += ",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":";
    line += request.body;  // one line: texts are JSON strings
    line += "}\n";
    return line;
}

BatchUpload Batches::upload(std::string_view name) const {
    // No line of JSON can begin with the boundary.
    constexpr std::string_view kBoundary = "tdamm-synth-5b1d0c7e93a24f68";
    BatchUpload upload{authorized_(), {}};
    upload.request.url = base_ + "/files";
    for (auto& [key, value] : upload.request.headers)
        if (key == "Content-Type") value = "multipart/form-data; boundary=" + std::string(kBoundary);
    std::string& body = upload.request.body;
    const auto part = [&](std::string_view head) {
        body += "--";
        body += kBoundary;
        body += "\r\nContent-Disposition: form-data; ";
        body += head;
    };
    part("name=\"purpose\"\r\n\r\nbatch\r\n");
    part("name=\"file\"; filename=\"");
    body += name;
    body += "\"\r\nContent-Type: application/jsonl\r\n\r\n";
    upload.tail = "\r\n--" + std::string(kBoundary) + "--\r\n";
    return upload;
}

Result<BatchFile> Batches::uploaded(const HttpResponse& response) const {
    if (auto failed = failure(response, "files")) return std::move(*failed);
    const Json body = parse_body(response.body);
    BatchFile file{id_of(body.member("id")), std::string(body.member("filename").text())};
    if (file.id.empty()) return unreadable("a file");
    return file;
}

HttpRequest Batches::submit(std::string_view file, std::string_view tag) const {
    std::string body = "{\"input_file_id\":";
    append_json_string(body, file);
    body += ",\"endpoint\":\"/v1/chat/completions\",\"completion_window\":\"24h\",\"metadata\":{\"";
    body += kTag;
    body += "\":";
    append_json_string(body, tag);
    body += "}}";
    return post("/batches", std::move(body));
}

HttpRequest Batches::cancel(std::string_view batch) const {
    return post("/batches/" + std::string(batch) + "/cancel", "");
}

Result<BatchState> Batches::state(const HttpResponse& response) const {
    if (auto failed = failure(response, "batches")) return std::move(*failed);
    auto state = read_state(parse_body(response.body));
    if (state.id.empty() || state.status.empty()) return unreadable("a batch");
    return state;
}

HttpRequest Batches::list_files(std::string_view after) const {
    return get("/files?purpose=batch&limit=" + std::string(kPageSize) +
               (after.empty() ? "" : "&after=" + std::string(after)));
}

Result<BatchPage<BatchFile>> Batches::files(const HttpResponse& response) const {
    if (auto failed = failure(response, "files")) return std::move(*failed);
    return read_page<BatchFile>(response, [](const Json& item) {
        return BatchFile{id_of(item.member("id")), std::string(item.member("filename").text())};
    });
}

HttpRequest Batches::list_batches(std::string_view after) const {
    return get("/batches?limit=" + std::string(kPageSize) + (after.empty() ? "" : "&after=" + std::string(after)));
}

Result<BatchPage<BatchState>> Batches::batches(const HttpResponse& response) const {
    if (auto failed = failure(response, "batches")) return std::move(*failed);
    return read_page<BatchState>(response, [](const Json& item) { return read_state(item); });
}

Status Batches::downloaded(const HttpResponse& response) const {
    if (auto failed = failure(response, "such file")) return std::move(*failed);
    return {};
}

Result<BatchAnswer> Batches::answer(const std::string& line) const {
    const Json body = parse_body(line);
    BatchAnswer answer;
    answer.custom_id = body.member("custom_id").text();
    if (answer.custom_id.empty()) return unreadable("a request of a batch");
    const Json error = body.member("error");
    const auto code = error.member("code").text();
    answer.error = one_line(error.member("message").text());
    if (answer.error.empty()) answer.error = one_line(code);
    answer.expired = code == "batch_expired" || code == "batch_cancelled";
    const Json response = body.member("response");
    const auto status = number_of(response.member("status_code"));
    if (response && status >= 100 && status < 600) {
        auto& http = answer.response.emplace();
        http.status = static_cast<int>(status);
        http.headers = {{"content-type", "application/json"},
                        {"x-request-id", std::string(response.member("request_id").text())}};
        http.body = response.member("body").dump();
    }
    if (!answer.response && answer.error.empty()) answer.error = "it has neither an answer nor an error";
    return answer;
}

}  // namespace synth::openai
