#include "common/folded_words.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include <utf8proc.h>

#include "synth/text.hpp"

namespace synth::plugins {
namespace {

enum class Ascii : std::uint8_t { other, lower, upper, digit, space };

constexpr std::array<Ascii, 128> kAscii = [] {
    std::array<Ascii, 128> classes{};
    for (unsigned c = 0; c < classes.size(); ++c) {
        const char letter = static_cast<char>(c);
        classes[c] = letter >= 'a' && letter <= 'z'   ? Ascii::lower
                     : letter >= 'A' && letter <= 'Z' ? Ascii::upper
                     : letter >= '0' && letter <= '9' ? Ascii::digit
                     : is_space(letter)               ? Ascii::space
                                                      : Ascii::other;
    }
    return classes;
}();

constexpr bool is_byte_ascii(char c) noexcept { return static_cast<unsigned char>(c) < 0x80; }

/// What a phrase runs across: "gamma-ray", "Swift/XRT", "Tycho's", "K_s", "GRS 1915+105", "M87*", "90% area", "E^2".
constexpr bool is_soft(char c) noexcept {
    return c == '-' || c == '/' || c == '_' || c == '\'' || c == '+' || c == '*' || c == '~' || c == '%' || c == '^';
}
constexpr bool is_soft(utf8proc_int32_t c) noexcept {
    return (c >= 0x2010 && c <= 0x2013) || c == 0x2212 || c == 0x2018 || c == 0x2019 || c == 0x02BC || c == 0x2044;
}
constexpr bool ends_sentence(char c) noexcept { return c == '.' || c == '!' || c == '?'; }

/// Words that a full stop behind does not make the last of a sentence. Single letters (initials) are besides these.
constexpr std::string_view kAbbreviations[] = {"al",   "approx", "cf",   "dr",  "eq", "eqs", "et",   "etc",
                                               "fig",  "figs",   "mr",   "mrs", "no", "nos", "prof", "ref",
                                               "refs", "sec",    "sect", "st",  "vs", "ver", "vol"};

/// What the gap before a word is made of.
class Gap {
public:
    void add_space(char c) {
        if (c == '\n') {
            if (lines_ < 2) ++lines_;
        }
        flags_ |= kGapSpace;
        stopped_ |= stop_;
    }
    void add_space() {
        flags_ |= kGapSpace;
        stopped_ |= stop_;
    }
    void add_ascii(char c) {
        lines_ = 0;
        if (ends_sentence(c)) stop_ = true;
        // Quotes and brackets may stand between the full stop and the space.
        else if (c != '"' && c != '\'' && c != ')' && c != ']' && c != '*')
            stop_ = false;
        add_mark(is_soft(c), c == '.' || c == ',');
    }
    void add_other(utf8proc_int32_t c) {
        lines_ = 0;
        if (c == 0x3002 || c == 0x2026 || c == 0xFF01 || c == 0xFF1F) stop_ = stopped_ = true;
        add_mark(is_soft(c), false);
    }
    /// `before`: the folded word that the gap follows.
    [[nodiscard]] std::uint8_t flags(bool lower_case_follows, std::string_view before) const {
        std::uint8_t flags = flags_;
        // "J1713.7", "H.E.S.S", "1,000": one mark and no space.
        if (hard_ > 0 && !(hard_ == 1 && inner_ && (flags_ & kGapSpace) == 0)) flags |= kGapHard;
        if (lines_ >= 2) flags |= kGapParagraph | kGapHard;
        if (paragraph_) flags |= kGapParagraph | kGapHard;
        if (stopped_ && !lower_case_follows && before.size() > 1 &&
            std::ranges::find(kAbbreviations, before) == std::end(kAbbreviations))
            flags |= kGapSentence | kGapHard;
        return flags;
    }
    void mark_paragraph() { paragraph_ |= lines_ >= 2; }
    void clear() { *this = Gap(); }

private:
    void add_mark(bool soft, bool inner) {
        if (soft) return;
        ++hard_;
        inner_ = inner;
    }

    std::uint8_t flags_ = 0;
    std::uint8_t lines_ = 0;  ///< line ends with nothing but space between them
    std::uint32_t hard_ = 0;
    bool inner_ = false, stop_ = false, stopped_ = false, paragraph_ = false;
};

void append_utf8(std::string& out, utf8proc_int32_t c) {
    utf8proc_uint8_t bytes[4];
    const auto size = utf8proc_encode_char(c, bytes);
    for (utf8proc_ssize_t i = 0; i < size; ++i) out += static_cast<char>(bytes[i]);
}

bool ends_with(const std::string& text, std::size_t from, std::string_view end) {
    return text.size() - from >= end.size() && std::string_view(text).substr(text.size() - end.size()) == end;
}

/// Takes the plural off the word that begins at `from`: of English, and of the Latin that astronomers use. The result
/// is the same for singular and plural; it need not be a word ("nucleus" and "nuclei" are "nucleu").
void take_plural_off(std::string& folded, std::size_t from) {
    const std::size_t size = folded.size() - from;
    if (size < 4) return;
    const char last = folded.back();
    if (last == 's') {
        if (ends_with(folded, from, "ss")) return;
        if (ends_with(folded, from, "ies") && size > 4) {
            folded.resize(folded.size() - 3);
            folded += 'y';
        } else if (ends_with(folded, from, "sses") || ends_with(folded, from, "ches") ||
                   ends_with(folded, from, "shes") || ends_with(folded, from, "xes")) {
            folded.resize(folded.size() - 2);
        } else {
            folded.pop_back();
        }
    } else if (last == 'e' && ends_with(folded, from, "ae")) {
        folded.pop_back();
    } else if (last == 'i' && size > 4) {
        folded.back() = 'u';
    }
}

}  // namespace

void fold_words(std::string_view text, FoldedText& out) {
    out.folded.clear();
    out.words.clear();
    text = text.substr(0, std::numeric_limits<std::uint32_t>::max());

    Gap gap;
    std::uint32_t counted = 0;  // words that have begun, as count_words counts
    bool inside_counted = false;
    std::size_t at = 0;

    // The word that is being read.
    bool open = false;
    FoldedWord word;
    std::uint32_t upper = 0, lower = 0;
    char last_letter = '\0';  // ASCII, as it stands in the text
    std::string_view before;  // the word before, folded, without its plural taken off: for abbreviations
    std::string before_text;

    const auto open_word = [&](bool lower_case) {
        if (open) return;
        open = true;
        word = {};
        word.begin = static_cast<std::uint32_t>(at);
        word.fold_begin = static_cast<std::uint32_t>(out.folded.size());
        word.gap = out.words.empty() ? std::uint8_t{0} : gap.flags(lower_case, before);
        word.word = counted == 0 ? 0 : counted - 1;
        upper = lower = 0;
        last_letter = '\0';
        gap.clear();
    };
    const auto close_word = [&] {
        if (!open) return;
        open = false;
        word.end = static_cast<std::uint32_t>(at);
        const bool plural = last_letter == 's' && lower == 1;  // "GRBs"
        word.acronym = upper >= 2 && (lower == 0 || plural);
        before_text.assign(out.folded, word.fold_begin);
        before = before_text;
        if (plural && word.acronym)  // "GWs"
            out.folded.pop_back();
        else
            take_plural_off(out.folded, word.fold_begin);
        const std::size_t size = out.folded.size() - word.fold_begin;
        word.fold_size =
            static_cast<std::uint16_t>(std::min<std::size_t>(size, std::numeric_limits<std::uint16_t>::max()));
        if (word.fold_size > 0) out.words.push_back(word);
    };

    while (at < text.size()) {
        const char c = text[at];
        if (is_byte_ascii(c)) {
            const Ascii kind = kAscii[static_cast<unsigned char>(c)];
            if (kind == Ascii::space) {
                close_word();
                inside_counted = false;
                gap.add_space(c);
                gap.mark_paragraph();
                ++at;
                continue;
            }
            if (!inside_counted) {
                inside_counted = true;
                ++counted;
            }
            if (kind == Ascii::other) {
                close_word();
                gap.add_ascii(c);
                ++at;
                continue;
            }
            const bool begins = !open;
            open_word(kind == Ascii::lower);
            if (begins) word.capital = kind == Ascii::upper;
            upper += static_cast<std::uint32_t>(kind == Ascii::upper);
            lower += static_cast<std::uint32_t>(kind == Ascii::lower);
            last_letter = c;
            out.folded += kind == Ascii::upper ? static_cast<char>(c - 'A' + 'a') : c;
            ++at;
            continue;
        }
        if (!inside_counted) {
            inside_counted = true;
            ++counted;
        }
        utf8proc_int32_t code = 0;
        const auto size = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                                           static_cast<utf8proc_ssize_t>(text.size() - at), &code);
        if (size <= 0) {  // not UTF-8
            close_word();
            gap.add_other(0xFFFD);
            ++at;
            continue;
        }
        const auto length = static_cast<std::size_t>(size);
        const auto category = utf8proc_category(code);
        const bool letter = (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
                            (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO);
        const bool mark = category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
        if (letter) {
            const bool begins = !open;
            const bool is_upper = category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LT;
            const bool is_lower = category == UTF8PROC_CATEGORY_LL;
            open_word(is_lower);
            if (begins) word.capital = is_upper;
            upper += static_cast<std::uint32_t>(is_upper);
            lower += static_cast<std::uint32_t>(is_lower);
            last_letter = '\0';
            std::array<utf8proc_int32_t, 20> folded{};  // the longest decomposition has 18
            int last_class = 0;
            const auto count = utf8proc_decompose_char(
                code, folded.data(), static_cast<utf8proc_ssize_t>(folded.size()),
                static_cast<utf8proc_option_t>(UTF8PROC_CASEFOLD | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE |
                                               UTF8PROC_STRIPMARK | UTF8PROC_IGNORE),
                &last_class);
            for (utf8proc_ssize_t i = 0;
                 i < std::min<utf8proc_ssize_t>(count, static_cast<utf8proc_ssize_t>(folded.size())); ++i)
                append_utf8(out.folded, folded[static_cast<std::size_t>(i)]);
        } else if ((mark || category == UTF8PROC_CATEGORY_CF) && (open || category == UTF8PROC_CATEGORY_CF)) {
            // An accent of its own, a soft hyphen, a zero-width joiner: part of the word, and not compared.
        } else {
            close_word();
            if (category == UTF8PROC_CATEGORY_ZS)
                gap.add_space();
            else
                gap.add_other(code);
        }
        at += length;
    }
    close_word();
    out.counted_words = counted;
}

}  // namespace synth::plugins
