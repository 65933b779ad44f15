#include "quantities/measures.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

#include "synth/text.hpp"

namespace synth::quantities {
namespace {

using D = Dimension;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_digit(c) || is_letter(c) || static_cast<unsigned char>(c) >= 0xC2; }

/// Takes one of the spellings off the beginning.
bool take(std::string_view& text, std::initializer_list<std::string_view> spellings) {
    for (const std::string_view one : spellings)
        if (text.starts_with(one)) {
            text.remove_prefix(one.size());
            return true;
        }
    return false;
}

/// ASCII space, and the thin and unbreakable ones that stand before units; not a line end that ends a paragraph.
void skip_space(std::string_view& text) {
    int lines = 0;
    for (;;) {
        if (!text.empty() && (text[0] == ' ' || text[0] == '\t')) {
            text.remove_prefix(1);
        } else if (!text.empty() && text[0] == '\n' && lines == 0) {
            ++lines;
            text.remove_prefix(1);
        } else if (!take(text, {"\u00A0", "\u2009", "\u202F", "\u2005", "\u2002"})) {
            return;
        }
    }
}

constexpr std::array<std::string_view, 10> kSuperscripts = {"\u2070", "\u00B9", "\u00B2", "\u00B3", "\u2074",
                                                            "\u2075", "\u2076", "\u2077", "\u2078", "\u2079"};

bool take_minus(std::string_view& text) { return take(text, {"-", "\u2212", "\u2013", "\u2010", "\u2011"}); }

/// "⁵¹", "⁻²"
std::optional<int> take_superscript(std::string_view& text) {
    std::string_view rest = text;
    const bool negative = take(rest, {"\u207B"});
    if (!negative) take(rest, {"\u207A"});
    int value = 0, digits = 0;
    for (bool more = true; more && digits < 4;) {
        more = false;
        for (std::size_t i = 0; i < kSuperscripts.size(); ++i)
            if (take(rest, {kSuperscripts[i]})) {
                value = value * 10 + static_cast<int>(i);
                ++digits;
                more = true;
            }
    }
    if (digits == 0) return std::nullopt;
    text = rest;
    return negative ? -value : value;
}

std::optional<int> take_integer(std::string_view& text, bool signed_only = false) {
    std::string_view rest = text;
    const bool negative = take_minus(rest);
    if (!negative && !take(rest, {"+"}) && signed_only) return std::nullopt;
    int value = 0, digits = 0;
    while (!rest.empty() && is_digit(rest[0]) && digits < 4) {
        value = value * 10 + (rest[0] - '0');
        ++digits;
        rest.remove_prefix(1);
    }
    if (digits == 0) return std::nullopt;
    text = rest;
    return negative ? -value : value;
}

/// "^51", "^{-2}", "^(-2)", "**-2", "⁻²", "$^{-2}$": doubled when `halves`, which may be "^-1/2".
std::optional<int> take_power(std::string_view& text, bool halves) {
    std::string_view rest = text;
    const int scale = halves ? 2 : 1;
    if (const auto raised = take_superscript(rest)) {
        text = rest;
        return *raised * scale;
    }
    take(rest, {"$"});
    if (!take(rest, {"^", "**"})) return std::nullopt;
    const bool braces = take(rest, {"{"}), brackets = !braces && take(rest, {"("});
    auto power = take_integer(rest);
    if (!power) return std::nullopt;
    power = *power * scale;
    if (halves && rest.starts_with("/2")) {
        rest.remove_prefix(2);
        power = *power / 2;
    }
    if (braces) take(rest, {"}"});
    if (brackets) take(rest, {")"});
    take(rest, {"$"});
    text = rest;
    return power;
}

/// "× 10^51", "x10⁵¹", "*10**51", "·10^51" after a mantissa.
std::optional<int> take_ten(std::string_view& text) {
    std::string_view rest = text;
    skip_space(rest);
    if (!take(rest, {"\u00D7", "x", "X", "*", "\u00B7", "\u22C5", "\\times"})) return std::nullopt;
    skip_space(rest);
    if (!take(rest, {"10"})) return std::nullopt;
    const auto power = take_power(rest, false);
    if (power) text = rest;
    return power;
}

struct Named {
    std::string_view name;
    double factor;
    Dimension dimension;
    bool prefixes;  ///< may have one: keV, nm
};

constexpr Dimension of(std::initializer_list<std::pair<D::Base, int>> bases) {
    Dimension made;
    for (const auto& [base, power] : bases) made.halves[base] = static_cast<std::int8_t>(2 * power);
    return made;
}

constexpr Dimension kLength = of({{D::length, 1}}), kMass = of({{D::mass, 1}}), kTime = of({{D::time, 1}}),
                    kEnergy = of({{D::mass, 1}, {D::length, 2}, {D::time, -2}}),
                    kPower = of({{D::mass, 1}, {D::length, 2}, {D::time, -3}}), kFrequency = of({{D::time, -1}}),
                    kSpeed = of({{D::length, 1}, {D::time, -1}}), kTemperature = of({{D::temperature, 1}}),
                    kAngle = of({{D::angle, 1}}), kField = of({{D::magnetic_field, 1}}),
                    kFlux = of({{D::flux_density, 1}}), kMagnitude = of({{D::magnitude, 1}}),
                    kPercent = of({{D::percent, 1}}), kSigma = of({{D::sigma, 1}}), kSolid = of({{D::angle, 2}});

constexpr double kYear = 3.15576e7, kParsec = 3.0857e18, kSun = 1.989e33, kElectronvolt = 1.602e-12, kDegree = 1;

/// Long names before their beginnings does not matter: a name has to end where it ends.
constexpr Named kUnits[] = {
    {"eV", kElectronvolt, kEnergy, true},
    {"electronvolts", kElectronvolt, kEnergy, false},
    {"erg", 1, kEnergy, false},
    {"ergs", 1, kEnergy, false},
    {"J", 1e7, kEnergy, true},
    {"W", 1e7, kPower, true},
    {"m", 100, kLength, true},
    {"km", 1e5, kLength, false},
    {"kilometers", 1e5, kLength, false},
    {"kilometres", 1e5, kLength, false},
    {"cm", 1, kLength, false},
    {"micron", 1e-4, kLength, false},
    {"microns", 1e-4, kLength, false},
    {"angstrom", 1e-8, kLength, false},
    {"angstroms", 1e-8, kLength, false},
    {"\u00C5", 1e-8, kLength, false},
    {"AU", 1.496e13, kLength, false},
    {"au", 1.496e13, kLength, false},
    {"pc", kParsec, kLength, true},
    {"parsec", kParsec, kLength, false},
    {"parsecs", kParsec, kLength, false},
    {"megaparsecs", kParsec * 1e6, kLength, false},
    {"ly", 9.461e17, kLength, false},
    {"light-years", 9.461e17, kLength, false},
    {"R_Earth", 6.371e8, kLength, false},
    {"R\u2295", 6.371e8, kLength, false},
    {"R_Jup", 7.149e9, kLength, false},
    {"R_sun", 6.957e10, kLength, false},
    {"Rsun", 6.957e10, kLength, false},
    {"g", 1, kMass, true},
    {"Msun", kSun, kMass, false},
    {"M_sun", kSun, kMass, false},
    {"M\u2609", kSun, kMass, false},
    {"M\u2299", kSun, kMass, false},
    {"solar masses", kSun, kMass, false},
    {"solar mass", kSun, kMass, false},
    {"M_Jup", 1.898e30, kMass, false},
    {"MJup", 1.898e30, kMass, false},
    {"M_Earth", 5.972e27, kMass, false},
    {"M\u2295", 5.972e27, kMass, false},
    {"s", 1, kTime, true},
    {"sec", 1, kTime, false},
    {"second", 1, kTime, false},
    {"seconds", 1, kTime, false},
    {"microsec", 1e-6, kTime, false},
    {"milliseconds", 1e-3, kTime, false},
    {"microseconds", 1e-6, kTime, false},
    {"min", 60, kTime, false},
    {"minutes", 60, kTime, false},
    {"h", 3600, kTime, false},
    {"hr", 3600, kTime, false},
    {"hours", 3600, kTime, false},
    {"d", 86400, kTime, false},
    {"day", 86400, kTime, false},
    {"days", 86400, kTime, false},
    {"yr", kYear, kTime, true},
    {"year", kYear, kTime, false},
    {"years", kYear, kTime, false},
    {"Hz", 1, kFrequency, true},
    {"c", 2.998e10, kSpeed, false},
    {"K", 1, kTemperature, true},
    {"microK", 1e-6, kTemperature, false},
    {"kelvin", 1, kTemperature, false},
    {"deg", kDegree, kAngle, false},
    {"degrees", kDegree, kAngle, false},
    {"degree", kDegree, kAngle, false},
    {"\u00B0", kDegree, kAngle, false},
    {"arcmin", kDegree / 60, kAngle, false},
    {"arcsec", kDegree / 3600, kAngle, false},
    {"mas", kDegree / 3.6e6, kAngle, false},
    {"microarcsec", kDegree / 3.6e9, kAngle, false},
    {"\u00B5as", kDegree / 3.6e9, kAngle, false},
    {"sr", 3282.8, kSolid, false},
    {"G", 1, kField, true},
    {"gauss", 1, kField, false},
    {"microG", 1e-6, kField, false},
    {"Jy", 1, kFlux, true},
    {"mag", 1, kMagnitude, false},
    {"mags", 1, kMagnitude, false},
    {"magnitudes", 1, kMagnitude, false},
    {"%", 1, kPercent, false},
    {"percent", 1, kPercent, false},
    {"per cent", 1, kPercent, false},
    {"ppm", 1e-4, kPercent, false},
    {"sigma", 1, kSigma, false},
    {"\u03C3", 1, kSigma, false},
};

constexpr std::pair<std::string_view, double> kPrefixes[] = {
    {"n", 1e-9}, {"\u00B5", 1e-6}, {"\u03BC", 1e-6}, {"u", 1e-6}, {"m", 1e-3}, {"k", 1e3},
    {"M", 1e6},  {"G", 1e9},       {"T", 1e12},      {"P", 1e15}, {"E", 1e18}, {"Z", 1e21},
};

/// One unit with its prefix; nothing when the word is none.
std::optional<Unit> unit_named(std::string_view word) {
    for (const Named& named : kUnits)
        if (word == named.name) return Unit{named.dimension, named.factor, word.size()};
    for (const auto& [prefix, scale] : kPrefixes) {
        if (!word.starts_with(prefix)) continue;
        for (const Named& named : kUnits)
            if (named.prefixes && word.substr(prefix.size()) == named.name)
                return Unit{named.dimension, named.factor * scale, word.size()};
    }
    return std::nullopt;
}

/// The word that a unit is: letters, '_', and what is beyond ASCII but no exponent or space.
std::string_view unit_word(std::string_view text) {
    std::size_t size = 0;
    while (size < text.size()) {
        const char c = text[size];
        if (is_letter(c) || c == '_') {
            ++size;
            continue;
        }
        const std::string_view rest = text.substr(size);
        const bool known = rest.starts_with("\u00B5") || rest.starts_with("\u03BC") || rest.starts_with("\u00C5") ||
                           rest.starts_with("\u03C3") || rest.starts_with("\u00B0");
        const bool sign = rest.starts_with("\u2609") || rest.starts_with("\u2299") || rest.starts_with("\u2295");
        if (!known && !sign) break;
        size += sign ? 3 : 2;
    }
    if (size == 0 && text.starts_with('%')) return text.substr(0, 1);
    return text.substr(0, size);
}

}  // namespace

Unit parse_unit(std::string_view text) {
    Unit whole;
    std::string_view rest = text;
    bool divides = false;
    for (int parts = 0; parts < 6; ++parts) {
        std::string_view at = rest;
        skip_space(at);
        if (parts > 0) {
            if (take(at, {"/"})) {
                divides = true;
            } else if (at.starts_with("per ") && !at.starts_with("per cent")) {
                at.remove_prefix(4);
                divides = true;
            } else if (take(at, {"\u00B7", "\u22C5", "*"})) {
                divides = false;
            }
            skip_space(at);
        }
        std::string_view word;
        std::optional<Unit> unit;
        for (const std::string_view two : {"solar masses", "solar mass", "per cent", "light-years"})
            if (!unit && at.starts_with(two)) unit = unit_named(word = two);
        if (!unit) {
            word = unit_word(at);
            if (word.empty()) break;
            unit = unit_named(word);
            if (!unit) break;
        }
        at.remove_prefix(word.size());
        int halves = 2;
        if (const auto power = take_power(at, true)) {
            halves = *power;
        } else {
            std::string_view signed_digits = at;  // "erg cm-2 s-1"
            if (const auto plain = take_integer(signed_digits, true);
                plain && *plain < 0 && *plain > -5 && (signed_digits.empty() || !is_word(signed_digits[0]))) {
                halves = 2 * *plain;
                at = signed_digits;
            } else if (!at.empty() && is_word(at[0])) {
                break;  // "s2", "mJ4": another word
            }
        }
        if (divides) halves = -halves;
        for (std::size_t i = 0; i < unit->dimension.halves.size(); ++i)
            whole.dimension.halves[i] =
                static_cast<std::int8_t>(whole.dimension.halves[i] + unit->dimension.halves[i] * halves / 2);
        whole.factor *= std::pow(unit->factor, halves / 2.0);
        rest = at;
        whole.size = text.size() - rest.size();
    }
    return whole;
}

std::optional<Number> parse_number(std::string_view text) {
    std::string_view rest = text;
    const bool negative = take_minus(rest);
    if (!negative) take(rest, {"+"});
    std::string digits;
    std::size_t whole = 0;
    while (!rest.empty()) {
        if (is_digit(rest[0])) {
            digits += rest[0];
            rest.remove_prefix(1);
            ++whole;
        } else if (rest[0] == ',' && whole > 0 && whole <= 3 && rest.size() >= 4 && is_digit(rest[1]) &&
                   is_digit(rest[2]) && is_digit(rest[3]) && (rest.size() == 4 || !is_digit(rest[4]))) {
            digits.append(rest.substr(1, 3));  // "1,000"
            rest.remove_prefix(4);
            whole = 1;
        } else {
            break;
        }
    }
    if (whole == 0 || digits.size() > 30) return std::nullopt;
    if (rest.size() >= 2 && rest[0] == '.' && is_digit(rest[1])) {
        do {
            digits += rest[0];
            rest.remove_prefix(1);
        } while (!rest.empty() && is_digit(rest[0]));
    }
    double value = 0;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc()) return std::nullopt;
    if (value == 10 && digits == "10") {
        std::string_view power_at = rest;  // "10^51"
        if (const auto power = take_power(power_at, false)) {
            value = std::pow(10.0, *power);
            rest = power_at;
        }
    }
    if (rest.size() >= 2 && (rest[0] == 'e' || rest[0] == 'E')) {
        std::string_view exponent = rest.substr(1);
        if (const auto power = take_integer(exponent); power && (exponent.empty() || !is_letter(exponent[0]))) {
            value *= std::pow(10.0, *power);
            rest = exponent;
        }
    } else if (const auto power = take_ten(rest)) {
        value *= std::pow(10.0, *power);
    }
    return Number{negative ? -value : value, text.size() - rest.size()};
}

std::optional<Measure> parse_measure(std::string_view text) {
    std::string_view rest = text;
    const bool bracket = take(rest, {"("});
    const auto first = parse_number(rest);
    if (!first) return std::nullopt;
    rest.remove_prefix(first->size);
    Measure measure{.low = first->value, .high = first->value};
    // Errors: "± 0.3", "+/- 0.3", "+0.3 -0.2".
    std::string_view after = rest;
    skip_space(after);
    if (take(after, {"\u00B1", "+/-", "\\pm"})) {
        skip_space(after);
        if (const auto error = parse_number(after)) rest = after.substr(error->size);
    } else {
        // A range: "0.3-10 keV", "2 to 3 Hz", "between 2 and 3".
        std::string_view range = after;
        if (take(range, {"to ", "and ", "-", "\u2013", "\u2212", "\u2014"})) {
            skip_space(range);
            if (const auto second = parse_number(range)) {
                const std::string_view behind = range.substr(second->size);
                // "1608-52" is a name; ends of a range come in order, and both before the unit.
                if (second->value > first->value &&
                    (behind.empty() || !is_letter(behind[0]) || parse_unit(behind).size > 0)) {
                    measure.high = second->value;
                    // "1-3 × 10^51": the power is of both; the far end will do.
                    if (measure.high > measure.low * 1e4) measure.low = measure.high;
                    rest = behind;
                }
            }
        }
    }
    if (bracket) {
        skip_space(rest);
        if (!take(rest, {")"})) return std::nullopt;
        if (const auto power = take_ten(rest)) {
            measure.low *= std::pow(10.0, *power);
            measure.high *= std::pow(10.0, *power);
        }
    }
    measure.unit = parse_unit(rest);
    // "4U", "2MASS", "3C 279": a number that begins a word, and no unit.
    if (measure.unit.size == 0 && !rest.empty() && is_word(rest[0])) return std::nullopt;
    rest.remove_prefix(measure.unit.size);
    // One end with a unit of its own: "2 keV to 10 keV" is read as its first end, the second as another measure.
    measure.size = text.size() - rest.size();
    return measure;
}

}  // namespace synth::quantities
