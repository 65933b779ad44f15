// A plugin instance: the object, the name that errors carry, and the guard that every call into it goes through.

#pragma once

#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "synth/plugin.hpp"

namespace synth::core {

/// Owns an instance; its library stays loaded for the life of the process.
template <class Interface>
class Instance {
public:
    Instance() = default;
    Instance(Interface* object, void (*destroy)(void*) noexcept, std::string id)
        : object_(object, Destroy{destroy}), id_(std::move(id)) {}

    explicit operator bool() const noexcept { return object_ != nullptr; }
    [[nodiscard]] const std::string& id() const noexcept { return id_; }

    /// Calls `function(object)`; a stray exception becomes an internal Error that names the plugin.
    template <class Function>
    auto call(Function&& function) const -> std::invoke_result_t<Function, Interface&> {
        try {
            return std::forward<Function>(function)(*object_);
        } catch (const std::exception& stray) {
            return Error{ErrorCode::internal, name() + " threw an exception: " + stray.what(), "plugin_exception"};
        } catch (...) {
            return Error{ErrorCode::internal, name() + " threw an exception", "plugin_exception"};
        }
    }

    /// For calls that do not return a Result or Status and promise not to throw.
    [[nodiscard]] Interface& object() const noexcept { return *object_; }

private:
    struct Destroy {
        void (*destroy)(void*) noexcept = nullptr;
        void operator()(Interface* object) const noexcept { destroy(object); }
    };
    [[nodiscard]] std::string name() const { return std::string(Interface::kKind) + " " + id_; }

    std::unique_ptr<Interface, Destroy> object_;
    std::string id_;
};

}  // namespace synth::core
