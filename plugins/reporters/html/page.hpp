// The page as a file: a template of HTML, style and script, and blocks of data that the script unpacks. What comes from
// a run is in those blocks only, so that no text can be taken for a part of the page.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "synth/result.hpp"

namespace synth::html {

/// The files of the plugin's data folder.
struct Parts {
    std::string page, style, script;
    std::string unpacker;                ///< fzstd
    std::vector<std::string> libraries;  ///< that draw the charts
    std::string licences;
};

/// io, naming the file.
Result<Parts> read_parts(const std::string& folder);

enum class Effort : bool { usual, most };  ///< 18 MB a second or 2, for a tenth less

/// `content` as a block "ID": compressed by zstd over all of it, since texts about the same things share much (the
/// browsers' own DecompressionStream looks back 32 KB only: 1.6 times the size), and written with 91 printable ASCII
/// characters, 13 bits in two of them.
Result<std::string> packed(std::string_view id, std::string_view content, Effort effort);

/// `name` is shown in the title; `blocks` are of `packed`.
std::string assemble(const Parts& parts, std::string_view name, const std::vector<std::string>& blocks);

}  // namespace synth::html
