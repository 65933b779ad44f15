#include "endpoint.hpp"

#include <utility>

#include "common/url.hpp"

namespace synth::openai {

using namespace providers;

namespace {

constexpr std::string_view kCall = "/chat/completions";

Endpoint endpoint_at(const Url& url) {
    Endpoint endpoint;
    endpoint.base = url.origin + url.path;
    endpoint.chat_url = endpoint.base + std::string(kCall) + url.query;
    endpoint.own = url.host == "api.openai.com" || url.host.ends_with(".api.openai.com");
    return endpoint;
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view url, bool allow_http, std::string_view named) {
    Result<Url> parts = parse_url(url, allow_http, named, "OPENAI_API_KEY");
    if (!parts) return std::move(parts).error();
    parts->drop_path_end(kCall);
    if (parts->path.empty()) parts->path = "/v1";
    return endpoint_at(*parts);
}

Result<Endpoint> parse_azure_endpoint(std::string_view url, bool allow_http, std::string_view named,
                                      std::string_view deployment, std::string_view api_version) {
    constexpr std::string_view kDeployments = "/openai/deployments/";
    Result<Url> parts = parse_url(url, allow_http, named, "AZURE_OPENAI_API_KEY");
    if (!parts) return std::move(parts).error();
    parts->drop_path_end(kCall);
    if (parts->path.empty() || parts->path == "/openai") {
        if (!is_path_segment(deployment))
            return Error{ErrorCode::invalid_argument, "provider.deployment '" + std::string(deployment) +
                                                          "' has characters that no name of a deployment has: use "
                                                          "letters, digits, '-', '_' and '.'"};
        parts->path =
            api_version.empty() ? std::string("/openai/v1") : std::string(kDeployments) + std::string(deployment);
    }
    if (parts->path.find(kDeployments) != std::string::npos && parts->query.empty()) {
        if (!is_path_segment(api_version))
            return Error{ErrorCode::invalid_argument,
                         "a deployment's URL needs a version, such as -o provider.api_version=2024-10-21"};
        parts->query = "?api-version=" + std::string(api_version);
    }
    return endpoint_at(*parts);
}

}  // namespace synth::openai
