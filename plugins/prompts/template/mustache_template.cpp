#include "mustache_template.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include <kainjow/mustache.hpp>

#include "synth/text.hpp"

namespace synth::templates {

namespace mustache = kainjow::mustache;

struct Value::Data {
    mustache::data data;
};

struct MustacheTemplate::Parsed {
    mustache::mustache text;
};

namespace {

using Scopes = std::vector<const Keys*>;  // the innermost last

const Key* find(const Keys& keys, std::string_view name) {
    const auto found = std::ranges::find(keys, name, &Key::name);
    return found == keys.end() ? nullptr : &*found;
}

std::string names_in(const Scopes& scopes) {
    std::vector<std::string_view> names;
    for (const Keys* keys : scopes)
        for (const Key& key : *keys) names.emplace_back(key.name);
    std::ranges::sort(names);
    const auto repeated = std::ranges::unique(names);
    names.erase(repeated.begin(), repeated.end());
    std::string list;
    for (const std::string_view name : names) list.append(list.empty() ? "" : ", ").append(name);
    return list;
}

/// Follows the library's own way through a text, name by name.
class Checker {
public:
    Checker(std::string_view text, const Keys& keys, const std::string& source)
        : text_(text), source_(source), scopes_{&keys} {}

    Status check() {
        for (std::size_t tag = text_.find("{{"); tag != text_.npos; tag = text_.find("{{", at_)) {
            at_ = tag;
            const bool triple = text_.substr(tag).starts_with("{{{");
            const std::string_view close = triple ? "}}}" : "}}";
            const std::size_t begin = tag + close.size();
            const std::size_t end = text_.find(close, begin);
            if (end == text_.npos)
                return wrong("'" + std::string(triple ? "{{{" : "{{") + "' without '" + std::string(close) + "'");
            if (Status done = triple ? use(trim(text_.substr(begin, end - begin)))
                                     : check_tag(trim(text_.substr(begin, end - begin)));
                !done)
                return done;
            at_ = end + close.size();
        }
        if (open_.empty()) return {};
        at_ = open_.back().at;
        return wrong("'{{#" + open_.back().name + "}}' is not closed");
    }

    std::set<std::string> used;

private:
    struct Section {
        std::string name;
        std::size_t at;
        bool scope;     ///< has added one to scopes_
        bool inverted;  ///< shows when there is none, so that no item is at hand
        bool texts;     ///< its items are {{.}}
    };

    Status check_tag(std::string_view tag) {
        const char sign = tag.empty() ? '\0' : tag.front();
        const std::string_view name = trim(tag.substr(std::min<std::size_t>(1, tag.size())));
        switch (sign) {
            case '!': return {};
            case '&': return use(name);
            case '#':
            case '^': return open(name, sign == '^');
            case '/': return close(name);
            case '>': return wrong("'{{>" + std::string(name) + "}}': other files cannot be included");
            case '=': return wrong("the delimiters are always '{{' and '}}'");
            default: return use(tag);
        }
    }

    Status use(std::string_view name) {
        if (name == ".") {
            const auto item = std::ranges::find(open_.rbegin(), open_.rend(), false, &Section::inverted);
            return item != open_.rend() && item->texts
                       ? Status()
                       : wrong("'{{.}}' is an item of a list of texts, and none is open here");
        }
        const auto key = resolve(name);
        if (!key) return key.error();
        const std::string tag(name);
        switch ((*key)->kind) {
            case Key::Kind::text: return {};
            case Key::Kind::flag: return wrong("'" + tag + "' is a condition: {{#" + tag + "}} … {{/" + tag + "}}");
            case Key::Kind::texts: return wrong("'" + tag + "' is a list: {{#" + tag + "}} {{.}} {{/" + tag + "}}");
            default: return wrong("'" + tag + "' has parts: {{#" + tag + "}} … {{/" + tag + "}}");
        }
    }

    Status open(std::string_view name, bool inverted) {
        const auto key = resolve(name);
        if (!key) return key.error();
        const bool scope = !inverted && !(*key)->items.empty();
        if (scope) scopes_.push_back(&(*key)->items);
        open_.push_back({std::string(name), at_, scope, inverted, (*key)->kind == Key::Kind::texts});
        return {};
    }

    Status close(std::string_view name) {
        if (open_.empty() || open_.back().name != name)
            return wrong("'{{/" + std::string(name) + "}}' closes nothing" +
                         (open_.empty() ? "" : ", '{{#" + open_.back().name + "}}' is open"));
        if (open_.back().scope) scopes_.pop_back();
        open_.pop_back();
        return {};
    }

    /// A name, or a path of names through objects.
    Result<const Key*> resolve(std::string_view path) {
        const std::string_view first = path.substr(0, path.find('.'));
        const Key* key = nullptr;
        for (auto scope = scopes_.rbegin(); scope != scopes_.rend() && key == nullptr; ++scope) {
            key = find(**scope, first);
            if (key != nullptr && *scope == scopes_.front()) used.insert(key->name);
        }
        Scopes known = scopes_;
        for (std::string_view rest = path; key != nullptr && rest.find('.') != rest.npos;) {
            rest.remove_prefix(rest.find('.') + 1);
            if (key->kind != Key::Kind::object)
                return error("'" + std::string(path) + "': only parts of one object are reached with a '.'");
            known = {&key->items};
            key = find(key->items, rest.substr(0, rest.find('.')));
        }
        if (key == nullptr) return error("unknown name '" + std::string(path) + "'; known here: " + names_in(known));
        return key;
    }

    [[nodiscard]] Error error(const std::string& what) const {
        const auto line = 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n');
        return {ErrorCode::invalid_argument, source_ + " line " + std::to_string(line) + ": " + what, {}};
    }
    [[nodiscard]] Status wrong(const std::string& what) const { return error(what); }

    std::string_view text_;
    const std::string& source_;
    Scopes scopes_;
    std::vector<Section> open_;
    std::size_t at_ = 0;
};

}  // namespace

// An empty string would be a true condition to the library.
Value::Value() : Value(false) {}
Value::Value(std::string_view text)
    : data_(new Data{text.empty() ? mustache::data(false) : mustache::data(std::string(text))}) {}
Value::Value(bool flag) : data_(new Data{mustache::data(flag)}) {}
Value::Value(std::unique_ptr<Data> data) : data_(std::move(data)) {}
Value::Value(Value&&) noexcept = default;
Value& Value::operator=(Value&&) noexcept = default;
Value::~Value() = default;

Value Value::object() { return Value(std::unique_ptr<Data>(new Data{mustache::data(mustache::data::type::object)})); }
Value Value::list() { return Value(std::unique_ptr<Data>(new Data{mustache::data(mustache::data::type::list)})); }
void Value::set(const char* name, Value value) { data_->data[name] = std::move(value.data_->data); }
void Value::push(Value value) { data_->data.push_back(value.data_->data); }

MustacheTemplate::MustacheTemplate(std::unique_ptr<Parsed> parsed, std::set<std::string> used)
    : parsed_(std::move(parsed)), used_(std::move(used)) {}
MustacheTemplate::MustacheTemplate(MustacheTemplate&&) noexcept = default;
MustacheTemplate& MustacheTemplate::operator=(MustacheTemplate&&) noexcept = default;
MustacheTemplate::~MustacheTemplate() = default;

Result<MustacheTemplate> MustacheTemplate::parse(const std::string& text, const Keys& keys, const std::string& source) {
    Checker checker(text, keys, source);
    if (Status done = checker.check(); !done) return std::move(done).error();
    auto parsed = std::unique_ptr<Parsed>(new Parsed{mustache::mustache(text)});
    if (!parsed->text.is_valid())
        return Error{ErrorCode::invalid_argument, source + ": " + parsed->text.error_message(), {}};
    parsed->text.set_custom_escape([](const std::string& plain) { return plain; });
    return MustacheTemplate(std::move(parsed), std::move(checker.used));
}

std::string MustacheTemplate::render(const Value& outer, const Value& inner) const {
    mustache::context<std::string> context(&outer.data_->data);
    context.push(&inner.data_->data);
    return parsed_->text.render(context);
}

}  // namespace synth::templates
