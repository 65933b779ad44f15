// See breaking.hpp.

#include <stdexcept>

#include "breaking.hpp"
#include "synth/provider.hpp"
#include "synth/text.hpp"

namespace {

using synth::Error;
using synth::ErrorCode;
using synth::Reply;
using synth::Request;
using synth::Result;
using synth::Tokens;
using synth::test::Breaking;

class Provider final : public synth::Provider {
public:
    Provider(const synth::Taxonomy&, Breaking breaks) : breaks_(std::move(breaks)) {}
    static Result<std::unique_ptr<synth::Provider>> create(synth::Host& host, std::string_view options) {
        return synth::test::create_breaking<synth::Provider, Provider>(host, options);
    }

    Result<synth::ProviderInfo> describe(std::chrono::sys_days) const override {
        synth::ProviderInfo info;
        info.model = breaks_("change_model") ? std::to_string(synth::test::another()) : "model";
        info.endpoint = breaks_("no_url") ? "example.com" : "https://example.com";
        if (breaks_("two_line_notice")) info.notices = {"one\ntwo"};
        if (breaks_("unknown_resolved")) info.resolved_options = R"({"colour": "blue"})";
        if (breaks_("other_resolved")) info.resolved_options = R"({"break": "other"})";
        return info;
    }
    Tokens input_bound(const Request&) const override { return {breaks_("no_input_bound") ? 0 : 100}; }
    Tokens output_bound(const Request&) const override { return {breaks_("no_output_bound") ? 0 : 100}; }
    Result<synth::Exchange> encode(const Request& request) const override {
        synth::HttpRequest out;
        out.url = breaks_("bad_url") ? "example.com" : "https://example.com/write";
        if (breaks_("split_header")) out.headers = {{"X-Words", "1\r\nX-More: 2"}};
        out.body = request.prompt->messages.front().text + (breaks_("other") ? "!" : "") +
                   (breaks_("other_resolved") ? "?" : "");
        if (breaks_("unstable")) out.body += std::to_string(synth::test::another());
        return synth::Exchange(std::move(out));
    }
    Reply decode(const Request&, const synth::HttpResponse& response) const override {
        Reply reply;
        if (breaks_("throw") && response.status == 503) throw std::runtime_error("thrown by decode");
        if (breaks_("nothing") && response.status == 404) return reply;
        const bool text =
            response.header("content-type").value_or("").starts_with("text/plain") || breaks_("accept_pages");
        if ((response.status == 200 || (breaks_("ignore_status") && response.status == 500)) && text &&
            !synth::trim(response.body).empty()) {
            reply.completion = synth::Completion{response.body, synth::FinishReason::stop};
            return reply;
        }
        auto code = ErrorCode::malformed;
        if (response.status == 400 || response.status == 404) code = ErrorCode::invalid_argument;
        if (response.status == 401) code = ErrorCode::unauthorized;
        if (response.status == 429) code = breaks_("hurry") ? ErrorCode::unavailable : ErrorCode::rate_limited;
        if (response.status >= 500) code = ErrorCode::unavailable;
        reply.error = Error{code, breaks_("mute") ? "" : "answered " + std::to_string(response.status), {}};
        return reply;
    }
    std::optional<synth::PicoUsd> cost(const synth::Usage&, const synth::Billing&) const override {
        return synth::PicoUsd{breaks_("earn") ? -1 : 0};
    }

private:
    Breaking breaks_;
};

}  // namespace

SYNTH_PLUGIN(synth::Provider, Provider, "breaking", "1.0.0", "breaks what it is told to", synth::test::kBreakOptions);
