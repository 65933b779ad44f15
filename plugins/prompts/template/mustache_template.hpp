// A Mustache template whose names are checked: the library renders a name that is unknown, or misspelt, as nothing.

#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "synth/result.hpp"

namespace synth::templates {

/// What a template may name, and what stands behind it.
struct Key {
    enum class Kind {
        text,    ///< a value, and a condition that it is not empty
        flag,    ///< a condition
        texts,   ///< a list whose items are {{.}}
        list,    ///< a list whose items have `items`
        object,  ///< a condition, with `items` inside it
    };
    std::string name;
    Kind kind = Kind::text;
    std::vector<Key> items = {};
};
using Keys = std::vector<Key>;

/// A value for the library, which stays out of this header.
class Value {
public:
    Value();  ///< absent: no text, a false condition, an empty list
    Value(std::string_view text);
    Value(const std::string& text) : Value(std::string_view(text)) {}
    Value(const char* text) : Value(std::string_view(text)) {}
    Value(bool flag);
    Value(Value&&) noexcept;
    Value& operator=(Value&&) noexcept;
    ~Value();

    static Value object();
    static Value list();
    void set(const char* name, Value value);  ///< of an object
    void set(const std::string& name, Value value) { set(name.c_str(), std::move(value)); }
    void push(Value value);  ///< to a list

    struct Data;

private:
    friend class MustacheTemplate;
    explicit Value(std::unique_ptr<Data> data);
    std::unique_ptr<Data> data_;
};

class MustacheTemplate {
public:
    /// `source` is the file that errors name, with the line. Every name must be in `keys` or be an item of a section
    /// that is open there. Partials and other delimiters are refused.
    static Result<MustacheTemplate> parse(const std::string& text, const Keys& keys, const std::string& source);
    MustacheTemplate(MustacheTemplate&&) noexcept;
    MustacheTemplate& operator=(MustacheTemplate&&) noexcept;
    ~MustacheTemplate();

    /// Whether it has that name of the outermost scope.
    [[nodiscard]] bool uses(const std::string& name) const { return used_.contains(name); }

    /// With `inner` looked up before `outer`, both objects. Nothing is escaped.
    [[nodiscard]] std::string render(const Value& outer, const Value& inner) const;

private:
    struct Parsed;
    MustacheTemplate(std::unique_ptr<Parsed> parsed, std::set<std::string> used);

    std::unique_ptr<Parsed> parsed_;
    std::set<std::string> used_;
};

}  // namespace synth::templates
