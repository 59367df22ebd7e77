// The main function of every test program that links test_support.

#include <gmock/gmock.h>

#include <asyncdrop/forgotten.hpp>

int main(int argc, char** argv) {
    testing::InitGoogleMock(&argc, argv);
    // An exception that leaves the scope of an undropped guard is a bug here as much as a forgotten drop.
    asyncdrop::set_forgotten_action(asyncdrop::ForgottenReason::unwinding, asyncdrop::ForgottenAction::abort);
    return RUN_ALL_TESTS();
}
