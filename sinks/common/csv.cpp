#include "common/csv.hpp"

#include "common/utf8.hpp"

namespace synth::sinks {

void append_csv_quoted(std::string& out, std::string_view text) {
    out += '"';
    plugins::append_text(out, text, '"');
    out += '"';
}

void append_csv_field(std::string& out, std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos)
        plugins::append_text(out, text);
    else
        append_csv_quoted(out, text);
}

}  // namespace synth::sinks
