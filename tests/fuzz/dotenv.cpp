// `.env` files, and the redaction of what they hold.

#include "base/secrets.hpp"
#include "scratch_file.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace synth;
    using fuzz::require;
    static fuzz::ScratchFile file(".env");
    const std::string_view text = fuzz::as_text(data, size);
    const char* const environment[] = {"OPENAI_BASE_URL=http://127.0.0.1/v1", "EMPTY=", nullptr};
    const auto secrets = core::Secrets::load(environment, file.holding(text));
    if (!secrets) {
        require(secrets.error().code == ErrorCode::invalid_argument, "the file is what is wrong");
        require(secrets.error().message.find(".env:") != std::string::npos, "an error names file and line",
                secrets.error().message);
        return 0;
    }
    require(secrets->value("OPENAI_BASE_URL") == "http://127.0.0.1/v1", "the real environment wins");
    require(!secrets->value("EMPTY") || !secrets->value("EMPTY")->empty(), "an empty value is none");
    std::string all(text);
    secrets->redact(all);
    const auto key = secrets->value("OPENAI_API_KEY");
    if (key && key->size() >= 12 && key->find_first_of("[]") == std::string_view::npos)
        require(all.find(*key) == std::string::npos, "a secret is redacted wherever it stands", all);
    return 0;
}
