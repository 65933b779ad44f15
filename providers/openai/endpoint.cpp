#include "endpoint.hpp"

#include <utility>

#include "common/url.hpp"

namespace synth::openai {

using namespace providers;

Result<Endpoint> parse_endpoint(std::string_view url, bool allow_http, std::string_view named) {
    Result<Url> parts = parse_url(url, allow_http, named, "OPENAI_API_KEY");
    if (!parts) return std::move(parts).error();
    constexpr std::string_view kCall = "/chat/completions";
    parts->drop_path_end(kCall);

    Endpoint endpoint;
    endpoint.base = parts->origin + (parts->path.empty() ? "/v1" : parts->path);
    endpoint.chat_url = endpoint.base + std::string(kCall) + parts->query;
    endpoint.own = parts->host == "api.openai.com" || parts->host.ends_with(".api.openai.com");
    return endpoint;
}

}  // namespace synth::openai
