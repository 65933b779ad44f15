#include "base/secrets.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>

#include "synth/text.hpp"

namespace synth::core {

namespace {

constexpr std::size_t kShortestRedacted = 12;

Status read_dotenv(const std::filesystem::path& file, std::map<std::string, std::string, std::less<>>& variables) {
    std::ifstream in(file);
    if (!in) return {};
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
        std::string_view rest = trim(line);
        if (rest.empty() || rest.front() == '#') continue;
        if (rest.starts_with("export ")) rest = trim(rest.substr(7));
        const auto equals = rest.find('=');
        const auto name = trim(rest.substr(0, equals));
        if (equals == std::string_view::npos || name.empty() || name.find(' ') != std::string_view::npos)
            return Error{ErrorCode::invalid_argument,
                         file.string() + ":" + std::to_string(number) + ": expected NAME=VALUE", "dotenv"};
        auto value = trim(rest.substr(equals + 1));
        if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
            value = value.substr(1, value.size() - 2);
        else if (const auto comment = value.find(" #"); comment != std::string_view::npos)
            value = trim(value.substr(0, comment));
        variables.insert_or_assign(std::string(name), std::string(value));
    }
    return {};
}

}  // namespace

bool Secrets::is_secret_name(std::string_view name) {
    return name.ends_with("KEY") || name.ends_with("TOKEN") || name.ends_with("SECRET") || name.ends_with("PASSWORD");
}

Result<Secrets> Secrets::load(const char* const* environment, const std::filesystem::path& dotenv) {
    Secrets secrets;
    if (auto read = read_dotenv(dotenv, secrets.variables_); !read) return std::move(read).error();
    for (; environment != nullptr && *environment != nullptr; ++environment) {
        const std::string_view entry = *environment;
        if (const auto equals = entry.find('='); equals != std::string_view::npos && equals + 1 < entry.size())
            secrets.variables_.insert_or_assign(std::string(entry.substr(0, equals)),
                                                std::string(entry.substr(equals + 1)));
    }
    for (const auto& [name, value] : secrets.variables_)
        if (is_secret_name(name) && value.size() >= kShortestRedacted) secrets.redacted_.push_back(value);
    std::ranges::sort(secrets.redacted_, [](const auto& a, const auto& b) { return a.size() > b.size(); });
    return secrets;
}

std::optional<std::string_view> Secrets::value(std::string_view name) const {
    const auto found = variables_.find(name);
    if (found == variables_.end() || found->second.empty()) return std::nullopt;
    return found->second;
}

void Secrets::redact(std::string& text) const {
    static constexpr std::string_view kMark = "[redacted]";
    // memmem, since find stops at every letter that a secret begins with, and it is done for every answer.
    const auto find = [&](const std::string& secret, std::size_t from) {
        const void* found = ::memmem(text.data() + from, text.size() - from, secret.data(), secret.size());
        return found == nullptr ? std::string::npos
                                : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    };
    for (const auto& secret : redacted_)
        for (auto at = find(secret, 0); at != std::string::npos; at = find(secret, at + kMark.size()))
            text.replace(at, secret.size(), kMark);
}

}  // namespace synth::core
