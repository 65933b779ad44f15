#include "page.hpp"

#include <zstd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

#include "common/utf8.hpp"

namespace synth::html {

namespace {

Result<std::string> read_part(const std::string& folder, const char* name) {
    const std::string path = folder + "/" + name;
    std::ifstream file(path, std::ios::binary);
    std::ostringstream content;
    if (!file || !(content << file.rdbuf()))
        return Error{ErrorCode::io, "reporter html: cannot read " + path + ", a part of the plugin", "data"};
    return std::move(content).str();
}

/// All printable ASCII but '<', '"' and '\'. The same string is in page.js.
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'()*+,-./:;=>?@[]^_`{|}~";
static_assert(kAlphabet.size() == 91);

void append_encoded(std::string& out, std::string_view bytes) {
    constexpr unsigned kBits = 13;
    out.reserve(out.size() + bytes.size() * 16 / 13 + 4);
    std::uint32_t held = 0;
    unsigned bits = 0;
    const auto put = [&] {
        const std::uint32_t value = held & ((1U << kBits) - 1);
        out += kAlphabet[value % kAlphabet.size()];
        out += kAlphabet[value / kAlphabet.size()];
    };
    for (const char byte : bytes) {
        held |= static_cast<std::uint32_t>(static_cast<unsigned char>(byte)) << bits;
        bits += 8;
        if (bits < kBits) continue;
        put();
        held >>= kBits;
        bits -= kBits;
    }
    if (bits > 0) put();
}

/// What turns the direction of the text around it: U+202A to U+202E and U+2066 to U+2069.
bool turns_direction(std::string_view text) {
    return (text.starts_with("\xE2\x80") && text.size() > 2 && text[2] >= '\xAA' && text[2] <= '\xAE') ||
           (text.starts_with("\xE2\x81") && text.size() > 2 && text[2] >= '\xA6' && text[2] <= '\xA9');
}

void append_escaped(std::string& out, std::string_view text) {
    std::string clean;
    plugins::append_text(clean, text);
    for (std::size_t i = 0; i < clean.size(); ++i) {
        if (turns_direction(std::string_view(clean).substr(i))) {
            i += 2;
            continue;
        }
        const char c = clean[i];
        switch (c) {
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '&': out += "&amp;"; break;
            case '"': out += "&quot;"; break;
            default: out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
        }
    }
}

}  // namespace

Result<Parts> read_parts(const std::string& folder) {
    Parts parts;
    std::string charts, marks;
    const std::pair<const char*, std::string*> files[] = {{"page.html", &parts.page},   {"page.css", &parts.style},
                                                          {"page.js", &parts.script},   {"fzstd.js", &parts.unpacker},
                                                          {"d3.min.js", &charts},       {"plot.umd.min.js", &marks},
                                                          {"LICENSES", &parts.licences}};
    for (const auto& [name, content] : files) {
        auto read = read_part(folder, name);
        if (!read) return std::move(read).error();
        *content = std::move(*read);
    }
    parts.libraries = {std::move(charts), std::move(marks)};
    return parts;
}

Result<std::string> packed(std::string_view id, std::string_view content, Effort effort) {
    const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
    if (!context) return Error{ErrorCode::internal, "reporter html: no memory for zstd", "memory"};
    // 8 MB back, which is what browsers' memory is spared with and what decoders take.
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, effort == Effort::most ? 19 : 12);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, 23);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 0);
    std::string bytes(ZSTD_compressBound(content.size()), '\0');
    const std::size_t size = ZSTD_compress2(context.get(), bytes.data(), bytes.size(), content.data(), content.size());
    if (ZSTD_isError(size) != 0)
        return Error{ErrorCode::internal, std::string("reporter html: zstd: ") + ZSTD_getErrorName(size), "zstd"};
    bytes.resize(size);
    std::string block = "<script type=\"application/octet-stream\" id=\"" + std::string(id) + "\" data-bytes=\"" +
                        std::to_string(size) + "\">";
    append_encoded(block, bytes);
    return block += "</script>\n";
}

std::string assemble(const Parts& parts, std::string_view name, const std::vector<std::string>& blocks) {
    std::string title, data;
    append_escaped(title, name);
    for (const std::string& block : blocks) data += block;
    const std::pair<std::string_view, std::string_view> places[] = {{"{{title}}", title},
                                                                    {"{{style}}", parts.style},
                                                                    {"{{script}}", parts.script},
                                                                    {"{{unpacker}}", parts.unpacker},
                                                                    {"{{data}}", data}};
    std::string out;
    out.reserve(parts.page.size() + parts.style.size() + parts.script.size() + parts.unpacker.size() + data.size());
    // One pass over the template: what is put in is not looked at again.
    std::string_view rest = parts.page;
    while (!rest.empty()) {
        const std::size_t at = std::min(rest.find("{{"), rest.size());
        out.append(rest.substr(0, at));
        rest.remove_prefix(at);
        bool known = false;
        for (const auto& [place, content] : places) {
            if (!rest.starts_with(place)) continue;
            out.append(content);
            rest.remove_prefix(place.size());
            known = true;
            break;
        }
        if (!known && !rest.empty()) {
            out += rest.front();
            rest.remove_prefix(1);
        }
    }
    return out;
}

}  // namespace synth::html
