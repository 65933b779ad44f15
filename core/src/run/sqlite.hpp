// SQLite behind a small RAII border: a connection, a prepared statement, a transaction. But for gathered_writes the
// only code that sees sqlite3.

#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "synth/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace synth::core {

/// Error::reason of a file that is damaged; a full disk is "disk_full", most others "ledger".
inline constexpr const char* kDamaged = "damaged";
/// Of what a read-only connection gives while a rollback journal holds what a commit was cut short in.
inline constexpr const char* kUnfinishedCommit = "unfinished_commit";

/// A prepared statement that is used again and again. Bind from 1, step until false, read columns from 0.
class Statement {
public:
    Statement() = default;

    Statement& bind(int at, std::int64_t value);
    Statement& bind(int at, std::string_view text);        ///< copied
    Statement& bind_blob(int at, std::string_view bytes);  ///< copied
    /// Not copied: stays as it is until the statement has been run, and is bound anew for the next time.
    Statement& lend(int at, std::string_view text);
    Statement& lend_blob(int at, std::string_view bytes);
    Statement& bind_real(int at, double value);
    Statement& bind_null(int at);
    template <class T>
    Statement& bind(int at, const std::optional<T>& value) {
        return value ? bind(at, *value) : bind_null(at);
    }

    /// True: a row is there. False: done; the statement is reset and can be bound anew.
    Result<bool> step();
    /// Steps to the end.
    Status run();
    /// Gives up the rest of the rows.
    void reset();

    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::string_view text(int column) const;  ///< valid until the next step
    [[nodiscard]] bool is_null(int column) const;

private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const noexcept;
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
public:
    enum class Mode : std::uint8_t { create, read_write, read_only };

    /// `vfs`: null for the default one.
    static Result<Database> open(const std::filesystem::path& file, Mode mode, const char* vfs = nullptr);

    /// Runs statements that have no parameters and whose rows nobody wants.
    Status execute(const std::string& sql);
    Result<Statement> prepare(std::string_view sql);
    [[nodiscard]] std::int64_t last_row_id() const;

private:
    struct Close {
        void operator()(sqlite3* database) const noexcept;
    };
    std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace synth::core
