#include <cmath>
#include <string>
#include <string_view>

#include "quantities/measures.hpp"
#include "unit/validators/review.hpp"

namespace synth {
namespace {

using quantities::parse_measure;
using quantities::parse_unit;
using test::codes;
using test::LoadedValidator;

TEST(Measures, ReadNumbersAsTextsWriteThem) {
    const struct {
        const char* text;
        double low, high;
    } cases[] = {
        {"3", 3, 3},
        {"3.5", 3.5, 3.5},
        {"3.", 3, 3},
        {"-3.5", -3.5, -3.5},
        {"\u22123.5", -3.5, -3.5},
        {"1,234,567", 1234567, 1234567},
        {"1,23", 1, 1},
        {"1e51", 1e51, 1e51},
        {"1.2E-8", 1.2e-8, 1.2e-8},
        {"10^51", 1e51, 1e51},
        {"10^{-8}", 1e-8, 1e-8},
        {"10\u2075\u00B9", 1e51, 1e51},
        {"10\u207B\u2078", 1e-8, 1e-8},
        {"1.2 \u00D7 10^51", 1.2e51, 1.2e51},
        {"1.2x10^51", 1.2e51, 1.2e51},
        {"1.2\u00D710\u2075\u00B9", 1.2e51, 1.2e51},
        {"1.2 * 10**-3", 1.2e-3, 1.2e-3},
        {"(1.2 \u00B1 0.3) \u00D7 10^51", 1.2e51, 1.2e51},
        {"3 \u00B1 1", 3, 3},
        {"0.3-10", 0.3, 10},
        {"0.3\u201310", 0.3, 10},
        {"4.17 \u00D7 10^-9 to 8.9 \u00D7 10^-9", 4.17e-9, 8.9e-9},
        {"2 and 3", 2, 3},
        {"5 to the", 5, 5},
        {"(1-3) \u00D7 10^51", 1e51, 3e51},
    };
    for (const auto& one : cases) {
        const auto measure = parse_measure(one.text);
        ASSERT_TRUE(measure) << one.text;
        EXPECT_NEAR(measure->low / one.low, 1, 1e-9) << one.text;
        EXPECT_NEAR(measure->high / one.high, 1, 1e-9) << one.text;
    }
    for (const char* text : {"", "x", "4U 1608", "2MASS", "3C 279", "-", ".5", "(3", "(3 keV"})
        EXPECT_FALSE(parse_measure(text)) << text;
}

TEST(Measures, ReadUnits) {
    const struct {
        const char *text, *same;
        double factor;  ///< times `same`
    } cases[] = {
        {" keV", "eV", 1e3},
        {" GeV and", "MeV", 1e3},
        {"erg s^-1", "erg/s", 1},
        {" erg cm^-2 s^-1", "erg cm-2 s-1", 1},
        {"erg cm\u207B\u00B2 s\u207B\u00B9", "erg / cm^2 / s", 1},
        {"erg per second", "erg/s", 1},
        {"km s^-1", "cm/s", 1e5},
        {"km/s", "m s^-1", 1e3},
        {"Msun c^2", "erg", 1.788e54},
        {"solar masses", "Msun", 1},
        {"M\u2299 yr^-1", "Msun/yr", 1},
        {"Hz^-1/2", "Hz^{-1/2}", 1},
        {"\u00B5Jy", "mJy", 1e-3},
        {"Gpc^-3 yr^-1", "Mpc^-3 yr^-1", 1e-9},
        {"deg^2", "deg deg", 1},
        {"days", "h", 24},
        {"%", "percent", 1},
        {"ppm", "%", 1e-4},
        {"MG", "G", 1e6},
        {"nHz", "1", 0},
    };
    for (const auto& one : cases) {
        const auto unit = parse_unit(one.text), same = parse_unit(one.same);
        EXPECT_GT(unit.size, 0U) << one.text;
        if (one.factor == 0) continue;
        EXPECT_EQ(unit.dimension, same.dimension) << one.text;
        EXPECT_NEAR(unit.factor / (same.factor * one.factor), 1, 1e-3) << one.text;
    }
    EXPECT_EQ(parse_unit(" keV and").size, 4U);
    EXPECT_EQ(parse_unit(" km/s in the").size, 5U);
    EXPECT_NE(parse_unit("keV").dimension, parse_unit("keV s^-1").dimension);
    for (const char* text : {"", " ", " in the", " secondary", " daysx", " x"})
        EXPECT_EQ(parse_unit(text).size, 0U) << text;
}

TEST(Measures, ReadAllUnitsOfTheTaxonomy) {
    for (const auto& label : test::taxonomy().labels)
        for (const auto& quantity : label.quantities)
            EXPECT_EQ(parse_unit(quantity.unit).size, quantity.unit.size()) << quantity.unit;
}

TEST(QuantitiesValidator, FindsWhatCannotBe) {
    const struct {
        const char* text;
        std::initializer_list<const char*> labels;
        const char* found;
    } cases[] = {
        {"", {"Gamma rays"}, ""},
        {"The photon energy is 300 GeV.", {"Gamma rays"}, ""},
        {"The photon energy is 3e9 TeV.", {"Gamma rays"}, "implausible_quantity:MMA_M_EM_G"},
        {"The photon energies reach 3 \u00D7 10^15 MeV in this band.",
         {"Gamma rays"},
         "implausible_quantity:MMA_M_EM_G"},
        {"A photon index of 2.1 was found.", {"Gamma rays"}, ""},
        {"A photon index of 57 was found.", {"Gamma rays"}, "implausible_quantity:MMA_M_EM_G"},
        {"A photon index of the source, 57, was found.", {"Gamma rays"}, ""},
        {"The isotropic energy was (1.2 \u00B1 0.3) \u00D7 10^51 erg.", {"Gamma-ray Bursts"}, ""},
        {"The isotropic energy was (1.2 \u00B1 0.3) \u00D7 10^61 erg.",
         {"Gamma-ray Bursts"},
         "implausible_quantity:MMA_S_G"},
        {"The isotropic energy was 10\u2076\u00B9 erg.", {"Gamma-ray Bursts"}, "implausible_quantity:MMA_S_G"},
        {"The isotropic energy was below 10^61 erg.", {"Gamma-ray Bursts"}, ""},
        {"The isotropic energy was <10^61 erg.", {"Gamma-ray Bursts"}, ""},
        {"The isotropic energy was 10^61 erg.", {"Exoplanets"}, ""},  // not of its classes: not known
        {"The isotropic energy. 10^61 erg was said.", {"Gamma-ray Bursts"}, ""},
        {"A neutron star mass of 1.4 Msun and a black hole mass of 7 solar masses.", {"Neutron Star-Black Hole"}, ""},
        {"A neutron star mass of 140 Msun.", {"Neutron Star-Black Hole"}, "implausible_quantity:MMA_O_BI_N"},
        {"The mass of 4U 1608-52 is 1.4 Msun.", {"Neutron Stars"}, ""},
        {"A mass of 30 Msun of its companion.", {"Neutron Stars"}, ""},  // somebody has such a mass
        {"A mass of 1e15 Msun.", {"Neutron Stars"}, "implausible_quantity:MMA_O_N"},
        {"The spin period is 3 s, the period derivative 4e-12 s s^-1.", {"Pulsars"}, ""},
        {"The spin period is 3 h.", {"Pulsars"}, "implausible_quantity:MMA_O_N_P"},
        {"The period derivative is 4 s s^-1.", {"Pulsars"}, "implausible_quantity:MMA_O_N_P"},
        {"Orbital period: 1.3 \u00D7 10^9 yr", {"Exoplanets"}, "implausible_quantity:MMA_O_E"},
        {"The planet radius in 2019 was 5 R_Earth.", {"Exoplanets"}, ""},
        {"The photon energy is 3e9 TeV.", {"Non-TDAMM"}, ""},
        {"A photon energy of 2 keV.", {"Pulsar Wind Nebula"}, "implausible_quantity:MMA_O_N_PWN"},
        {"A photon energy of 2 keV.", {"Pulsar Wind Nebula", "X-rays"}, ""},
        {"A 90% credible area of 3e9 deg^2.", {"Gravitational Waves"}, "implausible_quantity:MMA_M_G"},
        {"A magnetar has a magnetic field of 3e14 G and a spin period of 5 s.", {"Magnetars"}, ""},
        {"A magnetar has a magnetic field of 3e24 G.", {"Magnetars"}, "implausible_quantity:MMA_O_N_M"},
    };
    LoadedValidator quantities("quantities");
    for (const auto& one : cases) EXPECT_EQ(codes(quantities.check(one.text, one.labels)), one.found) << one.text;
}

TEST(QuantitiesValidator, SaysWhatIsPossible) {
    LoadedValidator strict("quantities", R"({"implausible_quantity": "reject", "margin": 1})");
    const auto verdict = strict.check("The spin period is 3 h.", {"Pulsars"});
    ASSERT_EQ(codes(verdict), "!implausible_quantity:MMA_O_N_P");
    EXPECT_EQ(
        verdict.findings[0].message,
        "the spin period of Pulsars is given as \"3 h\", outside of 0.001 to 100 s: give a value that is possible");
    EXPECT_NEAR(verdict.findings[0].value.value(), 10'800, 1e-6);
    EXPECT_EQ(verdict.findings[0].limit, 100);
    EXPECT_EQ(codes(strict.check("A photon index of 0.9.", {"Gamma rays"})), "");  // X-rays have such
    EXPECT_EQ(codes(strict.check("A spin period of 101 s.", {"Pulsars"})), "!implausible_quantity:MMA_O_N_P");
    LoadedValidator wide("quantities", R"({"margin": 1000})");
    EXPECT_EQ(codes(wide.check("The spin period is 3 h.", {"Pulsars"})), "");
    LoadedValidator off("quantities", R"({"implausible_quantity": "off"})");
    EXPECT_EQ(codes(off.check("The spin period is 3e9 h.", {"Pulsars"})), "");
}

}  // namespace
}  // namespace synth
