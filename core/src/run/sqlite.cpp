#include "run/sqlite.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>

namespace synth::core {

namespace {

Error sqlite_error(sqlite3* database, int code) {
    const char* file = database != nullptr ? sqlite3_db_filename(database, "main") : nullptr;
    std::string message = std::string(file != nullptr ? file : "ledger") + ": ";
    const int system = database != nullptr ? sqlite3_system_errno(database) : 0;
    const bool full = (code & 0xFF) == SQLITE_FULL ||
                      ((code & 0xFF) == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT || system == EFBIG));
    if (full)
        message += "the disk is full";
    else if (code == SQLITE_READONLY_ROLLBACK)
        message += "its last commit was cut short and cannot be rolled back, since file or folder cannot be written";
    else
        message += database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code);
    if (!full && (code & 0xFF) == SQLITE_IOERR && system != 0)
        message += std::string(" (") + std::strerror(system) + ")";
    const bool damaged = (code & 0xFF) == SQLITE_CORRUPT || (code & 0xFF) == SQLITE_NOTADB;
    return Error{ErrorCode::io, std::move(message),
                 full                               ? "disk_full"
                 : damaged                          ? kDamaged
                 : code == SQLITE_READONLY_ROLLBACK ? kUnfinishedCommit
                                                    : "ledger"};
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }

Statement& Statement::bind(int at, std::int64_t value) {
    sqlite3_bind_int64(statement_.get(), at, value);
    return *this;
}
Statement& Statement::bind(int at, std::string_view text) {
    sqlite3_bind_text64(statement_.get(), at, text.data() != nullptr ? text.data() : "", text.size(), SQLITE_TRANSIENT,
                        SQLITE_UTF8);
    return *this;
}
Statement& Statement::bind_blob(int at, std::string_view bytes) {
    sqlite3_bind_blob64(statement_.get(), at, bytes.data() != nullptr ? bytes.data() : "", bytes.size(),
                        SQLITE_TRANSIENT);
    return *this;
}
Statement& Statement::lend(int at, std::string_view text) {
    sqlite3_bind_text64(statement_.get(), at, text.data() != nullptr ? text.data() : "", text.size(), SQLITE_STATIC,
                        SQLITE_UTF8);
    return *this;
}
Statement& Statement::lend_blob(int at, std::string_view bytes) {
    sqlite3_bind_blob64(statement_.get(), at, bytes.data() != nullptr ? bytes.data() : "", bytes.size(), SQLITE_STATIC);
    return *this;
}
Statement& Statement::bind_real(int at, double value) {
    sqlite3_bind_double(statement_.get(), at, value);
    return *this;
}
Statement& Statement::bind_null(int at) {
    sqlite3_bind_null(statement_.get(), at);
    return *this;
}

Result<bool> Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    sqlite3_reset(statement_.get());
    if (code == SQLITE_DONE) return false;
    return sqlite_error(sqlite3_db_handle(statement_.get()), code);
}

Status Statement::run() {
    for (;;) {
        auto more = step();
        if (!more) return std::move(more).error();
        if (!*more) return {};
    }
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }

std::string_view Statement::text(int column) const {
    const void* bytes = sqlite3_column_blob(statement_.get(), column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
    return bytes == nullptr ? std::string_view{} : std::string_view(static_cast<const char*>(bytes), size);
}

bool Statement::is_null(int column) const { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }

Result<Database> Database::open(const std::filesystem::path& file, Mode mode, const char* vfs) {
    const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                      (mode == Mode::create      ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                       : mode == Mode::read_only ? SQLITE_OPEN_READONLY
                                                 : SQLITE_OPEN_READWRITE);
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(file.c_str(), &raw, flags, vfs);
    Database database;
    database.database_.reset(raw);
    if (code != SQLITE_OK) {
        auto error = sqlite_error(raw, code);
        error.message = "cannot open " + file.string() + ": " + sqlite3_errstr(code);
        return error;
    }
    sqlite3_busy_timeout(raw, 10'000);
    // The file may come from a stranger: what its schema says runs no functions, and SQL cannot damage it.
    sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    return database;
}

Status Database::execute(const std::string& sql) {
    const int code = sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return sqlite_error(database_.get(), code);
    return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* raw = nullptr;
    const int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    Statement statement;
    statement.statement_.reset(raw);
    if (code != SQLITE_OK) return sqlite_error(database_.get(), code);
    return statement;
}

std::int64_t Database::last_row_id() const { return sqlite3_last_insert_rowid(database_.get()); }

}  // namespace synth::core
