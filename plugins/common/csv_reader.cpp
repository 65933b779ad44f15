#include "common/csv_reader.hpp"

namespace synth::plugins {

Error CsvReader::malformed(std::uint64_t line, const char* what) const {
    return {ErrorCode::malformed, input_.path() + ":" + std::to_string(line) + ": " + what, {}};
}

Result<bool> CsvReader::next() {
    for (;;) {
        text_.clear();
        ends_.clear();
        line_ = input_.line();
        bool quoted = false;  // the field has had its quotes: nothing may follow but its end
        for (;;) {
            const auto rest = input_.peek();
            if (!rest) return rest.error();
            const std::size_t begin = ends_.empty() ? 0 : ends_.back();
            if (rest->empty()) {
                if (ends_.empty() && text_.empty() && !quoted) return false;
                ends_.push_back(text_.size());
                break;
            }
            if (rest->front() == '"') {
                if (quoted || text_.size() > begin)
                    return malformed(input_.line(),
                                     "a quote inside a field: quote the whole field and double the quote");
                input_.consume(1);
                if (const Status read = read_quoted(); !read) return read.error();
                quoted = true;
                continue;
            }
            const std::size_t stop = rest->find_first_of(",\n\"");
            std::string_view plain = rest->substr(0, stop);
            if (quoted && !plain.empty() && plain != "\r")
                return malformed(input_.line(), "text after the closing quote of a field: double quotes inside it");
            const bool ends_record = stop != std::string_view::npos && (*rest)[stop] == '\n';
            const bool ends_field = ends_record || (stop != std::string_view::npos && (*rest)[stop] == ',');
            if (!(quoted && plain == "\r")) text_.append(plain);
            if (ends_record && !quoted && text_.size() > begin && text_.back() == '\r') text_.pop_back();
            input_.consume(plain.size() + (ends_field ? 1 : 0));
            if (!ends_field) continue;
            ends_.push_back(text_.size());
            if (ends_record) break;
            quoted = false;
        }
        if (ends_.size() > 1 || !text_.empty() || quoted) return true;
    }
}

/// Up to the closing quote, which is consumed.
Status CsvReader::read_quoted() {
    const std::uint64_t begins = input_.line();
    for (;;) {
        auto rest = input_.peek();
        if (!rest) return rest.error();
        if (rest->empty()) return malformed(begins, "a quoted field has no end");
        const std::size_t quote = rest->find('"');
        text_.append(rest->substr(0, quote));
        if (quote == std::string_view::npos) {
            input_.consume(rest->size());
            continue;
        }
        input_.consume(quote + 1);
        rest = input_.peek();
        if (!rest) return rest.error();
        if (!rest->starts_with('"')) return {};
        text_ += '"';
        input_.consume(1);
    }
}

}  // namespace synth::plugins
