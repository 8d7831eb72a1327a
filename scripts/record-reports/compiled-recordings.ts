import type { Recording } from './recording.ts';

const gotestsum = { go: ['gotest.tools/gotestsum@v1.13.0'] };
const shop = `package shop

import "testing"

func TestAdds(t *testing.T) {}
func TestPays(t *testing.T) { t.Error("no cart") }
func TestSkipped(t *testing.T) { t.Skip("no polaris") }
func TestRows(t *testing.T) {
	for _, name := range []string{"a", "b"} {
		t.Run(name, func(t *testing.T) {
			if name == "b" {
				t.Fatal("row b")
			}
		})
	}
}
`;
const flaky = `package shop

import (
	"os"
	"testing"
)

func TestFlaky(t *testing.T) {
	if _, err := os.Stat("ran"); err != nil {
		os.WriteFile("ran", nil, 0o644)
		t.Error("the first run fails")
	}
}
func TestGreen(t *testing.T) {}
`;
const module = { 'go.mod': 'module example.org/shop\n\ngo 1.24\n' };
const version = 'gotestsum --version';
const debian = (...names: string[]) => ({ debian: names });
const catch2 = `#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
TEST_CASE("adds") { REQUIRE(1 + 1 == 2); }
TEST_CASE("pays") { CHECK(1 == 2); }
TEST_CASE("throws") { throw std::runtime_error("no database"); }
TEST_CASE("may fail", "[!mayfail]") { CHECK(1 == 2); }
TEST_CASE("should fail", "[!shouldfail]") { CHECK(1 == 2); }
TEST_CASE("sections") { SECTION("a") { CHECK(true); } SECTION("b") { CHECK(1 == 3); } }
`;
const googletest = `#include <gtest/gtest.h>
TEST(Shop, Adds) { EXPECT_EQ(2, 1 + 1); }
TEST(Shop, Pays) { EXPECT_EQ(1, 2); EXPECT_EQ(3, 4); }
TEST(Shop, Skipped) { GTEST_SKIP() << "no polaris"; }
TEST(Shop, DISABLED_Later) { FAIL(); }
class Rows : public testing::TestWithParam<int> {};
TEST_P(Rows, AreOdd) { EXPECT_EQ(1, GetParam() % 2); }
INSTANTIATE_TEST_SUITE_P(All, Rows, testing::Values(1, 2));
`;

export const compiledRecordings: Recording[] = [
  {
    id: 'gotestsum',
    tool: 'go test, gotestsum',
    version,
    packages: gotestsum,
    files: { ...module, 'shop_test.go': shop },
    command: 'gotestsum --format testname --junitfile $R/junit.xml ./...',
  },
  {
    id: 'gotestsum-count',
    tool: 'go test, gotestsum',
    version,
    packages: gotestsum,
    files: { ...module, 'shop_test.go': flaky },
    command: 'gotestsum --format testname --junitfile $R/junit.xml ./... -- -count=2',
    prepare: 'rm -f ran',
  },
  {
    id: 'gotestsum-rerun-fails',
    tool: 'go test, gotestsum',
    version,
    packages: gotestsum,
    files: { ...module, 'shop_test.go': flaky },
    command: 'gotestsum --format testname --rerun-fails --packages ./... --junitfile $R/junit.xml -- -count=1',
  },
  {
    id: 'gotestsum-build-failure',
    tool: 'go test, gotestsum',
    version,
    packages: gotestsum,
    files: {
      ...module,
      'ok/ok_test.go': 'package ok\n\nimport "testing"\n\nfunc TestGreen(t *testing.T) {}\n',
      'bad/bad_test.go': 'package bad\n\nimport "testing"\n\nfunc TestBad(t *testing.T) { undefinedName() }\n',
    },
    command: 'gotestsum --format testname --junitfile $R/junit.xml ./...',
  },
  {
    id: 'gotestsum-testmain',
    tool: 'go test, gotestsum',
    version,
    packages: gotestsum,
    files: {
      ...module,
      'main_test.go':
        'package shop\n\nimport (\n\t"fmt"\n\t"os"\n\t"testing"\n)\n\nfunc TestMain(m *testing.M) { fmt.Println("no cluster"); os.Exit(3) }\nfunc TestGreen(t *testing.T) {}\n',
    },
    command: 'gotestsum --format testname --junitfile $R/junit.xml ./...',
  },
  {
    id: 'go-test-build-failure',
    tool: 'go test',
    version: 'go version',
    packages: { go: [] },
    files: {
      ...module,
      'bad_test.go': 'package bad\n\nimport "testing"\n\nfunc TestBad(t *testing.T) { undefinedName() }\n',
    },
    command: 'go test -v ./...',
  },
  {
    id: 'go-junit-report',
    tool: 'go test, go-junit-report',
    version: 'go-junit-report -version',
    packages: { go: ['github.com/jstemmer/go-junit-report/v2@v2.1.0'] },
    files: { ...module, 'shop_test.go': shop },
    command: 'go test -v ./... 2>&1 | go-junit-report -set-exit-code > $R/junit.xml',
  },
  {
    id: 'ginkgo',
    tool: 'ginkgo',
    version: 'ginkgo version',
    packages: { go: ['github.com/onsi/ginkgo/v2/ginkgo@v2.34.0'] },
    files: {
      ...module,
      'shop_test.go': `package shop

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
)

func TestShop(t *testing.T) { RunSpecs(t, "shop") }

var _ = SynchronizedBeforeSuite(func() {}, func() {
	if GinkgoParallelProcess() == 2 {
		Fail("no database on process 2")
	}
})
var _ = Describe("cart", func() {
	It("adds", func() {})
	PIt("later", func() {})
	It("is left out", func() { Skip("no polaris") })
})
`,
    },
    prepare: 'go get github.com/onsi/ginkgo/v2@v2.34.0 && go mod tidy',
    command: 'ginkgo -procs 2 --junit-report junit.xml --output-dir $R',
  },
  {
    id: 'ginkgo-focus',
    tool: 'ginkgo',
    version: 'ginkgo version',
    packages: { go: ['github.com/onsi/ginkgo/v2/ginkgo@v2.34.0'] },
    files: {
      ...module,
      'shop_test.go': `package shop

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
)

func TestShop(t *testing.T) { RunSpecs(t, "shop") }

var _ = Describe("cart", func() {
	FIt("adds", func() {})
	It("pays", func() { Fail("no cart") })
})
`,
    },
    prepare: 'go get github.com/onsi/ginkgo/v2@v2.34.0 && go mod tidy',
    command: 'ginkgo --junit-report junit.xml --output-dir $R',
  },
  {
    id: 'ginkgo-build-failure',
    tool: 'ginkgo',
    version: 'ginkgo version',
    packages: { go: ['github.com/onsi/ginkgo/v2/ginkgo@v2.34.0'] },
    files: {
      ...module,
      'shop_test.go': `package shop

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
)

func TestShop(t *testing.T) { RunSpecs(t, "shop") }

var _ = It("adds", func() { undefinedName() })
`,
    },
    prepare: 'go get github.com/onsi/ginkgo/v2@v2.34.0 && go mod tidy',
    command: 'ginkgo --junit-report junit.xml --output-dir $R',
  },
  {
    id: 'catch2',
    tool: 'Catch2',
    packages: debian('catch2'),
    version: "dpkg -s catch2 | sed -n 's/^Version: /catch2 /p'",
    files: { 'shop.cpp': catch2 },
    prepare: 'g++ -O0 -o shop shop.cpp',
    command: './shop -r junit -o $R/junit.xml',
  },
  {
    id: 'catch2-may-fail',
    tool: 'Catch2',
    packages: debian('catch2'),
    version: "dpkg -s catch2 | sed -n 's/^Version: /catch2 /p'",
    files: { 'shop.cpp': catch2 },
    prepare: 'g++ -O0 -o shop shop.cpp',
    command: './shop -r junit -o $R/junit.xml "adds,may fail,should fail"',
  },
  {
    id: 'googletest',
    tool: 'googletest',
    packages: debian('libgtest-dev'),
    version: "dpkg -s libgtest-dev | sed -n 's/^Version: /libgtest-dev /p'",
    files: { 'shop.cpp': googletest },
    prepare: 'g++ -O0 -o shop shop.cpp -lgtest -lgtest_main -lpthread',
    command: './shop --gtest_output=xml:$R/junit.xml',
  },
  {
    id: 'googletest-typed',
    tool: 'googletest',
    packages: debian('libgtest-dev'),
    version: "dpkg -s libgtest-dev | sed -n 's/^Version: /libgtest-dev /p'",
    files: {
      'shop.cpp': `#include <gtest/gtest.h>
template <typename T> class Cart : public testing::Test {};
using Types = testing::Types<int, unsigned char>;
TYPED_TEST_SUITE(Cart, Types);
TYPED_TEST(Cart, Holds300) { EXPECT_EQ(300, static_cast<int>(static_cast<TypeParam>(300))); }
TYPED_TEST(Cart, IsEmpty) { EXPECT_EQ(TypeParam{}, TypeParam(0)); }
`,
    },
    prepare: 'g++ -O0 -o shop shop.cpp -lgtest -lgtest_main -lpthread',
    command: './shop --gtest_output=xml:$R/junit.xml',
  },
  {
    id: 'cargo-nextest',
    tool: 'cargo-nextest',
    version: 'cargo nextest --version | head -1',
    packages: { cargo: 'cargo-nextest@0.9.148' },
    files: {
      'Cargo.toml': '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n',
      '.config/nextest.toml': '[profile.ci]\nretries = 1\nfail-fast = false\n[profile.ci.junit]\npath = "junit.xml"\n',
      'src/lib.rs':
        '#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {}\n    #[test]\n    fn pays() { assert_eq!(1, 2, "no cart"); }\n    #[test]\n    #[ignore]\n    fn later() {}\n    #[test]\n    fn flaky() { if std::fs::create_dir("ran").is_ok() { panic!("the first run fails") } }\n}\n',
    },
    command: 'cargo nextest run --profile ci; code=$?; cp target/nextest/ci/junit.xml $R/; exit $code',
  },
  {
    id: 'nunit-console',
    tool: 'NUnit (NUnit 2)',
    packages: debian('nunit-console', 'libnunit-cil-dev', 'mono-mcs'),
    version:
      "nunit-console -help | sed -n 's/^NUnit-Console version /NUnit-Console /p'; mono --version | head -1 | cut -d' ' -f1-5",
    files: {
      'Shop.cs': `using System;
using NUnit.Framework;
[TestFixture]
public class Shop {
  [Test] public void Adds() {}
  [Test] public void Pays() { Assert.AreEqual(1, 2, "no cart"); }
  [Test] public void Stores() { throw new InvalidOperationException("no database"); }
  [Test, Ignore("no polaris")] public void LeftOut() {}
  [Test] public void Later() { Assert.Inconclusive("not yet"); }
  [TestCase(1)] [TestCase(2)] public void Rows(int row) { Assert.AreEqual(1, row); }
}
[TestFixture]
public class Hooks {
  [TestFixtureSetUp] public void SetUp() { throw new Exception("no cluster"); }
  [Test] public void NeverRuns() {}
}
`,
    },
    prepare: 'mcs -target:library -pkg:nunit Shop.cs',
    command: 'nunit-console -nologo -xml=$R/TestResult.xml Shop.dll',
  },
  {
    id: 'rspec',
    tool: 'RSpec',
    packages: debian('ruby-rspec', 'ruby-rspec-junit-formatter'),
    version:
      "rspec --version | sed -n 's/^ *- rspec-core/rspec-core/p'; dpkg -s ruby-rspec-junit-formatter | sed -n 's/^Version: /rspec-junit-formatter /p'",
    files: {
      'spec/shop_spec.rb':
        'RSpec.describe "shop" do\n  it("adds") { }\n  it("pays") { expect(1).to eq(2) }\n  xit("left out") { }\n  it("later") { pending("known"); expect(1).to eq(2) }\nend\n',
    },
    command: 'rspec --format progress --format RspecJunitFormatter --out $R/junit.xml',
  },
  {
    id: 'rspec-cannot-load',
    tool: 'RSpec',
    packages: debian('ruby-rspec', 'ruby-rspec-junit-formatter'),
    version: "rspec --version | sed -n 's/^ *- rspec-core/rspec-core/p'",
    files: { 'spec/bad_spec.rb': "require 'nosuchgem'\n" },
    command: 'rspec --format progress --format RspecJunitFormatter --out $R/junit.xml',
  },
  {
    id: 'phpunit-warning',
    tool: 'PHPUnit',
    version: 'phpunit --version',
    packages: debian('phpunit'),
    files: {
      'ShopTest.php': `<?php
use PHPUnit\\Framework\\TestCase;
class ShopTest extends TestCase {
  public function testAdds() { $this->assertTrue(true); }
  public function testWarns() { $this->addWarning('the cart is deprecated'); $this->assertTrue(true); }
}
class EmptyTest extends TestCase {}
`,
    },
    command: 'phpunit --fail-on-warning --log-junit $R/junit.xml ShopTest.php',
  },
  {
    id: 'phpunit',
    tool: 'PHPUnit',
    version: 'phpunit --version',
    packages: debian('phpunit'),
    files: {
      'ShopTest.php': `<?php
use PHPUnit\\Framework\\TestCase;
class ShopTest extends TestCase {
  public function testAdds() { $this->assertTrue(true); }
  public function testPays() { $this->assertSame(1, 2); }
  public function testStores() { throw new RuntimeException('no database'); }
  public function testSkipped() { $this->markTestSkipped('no polaris'); }
  public function testLater() { $this->markTestIncomplete('not yet'); }
  public function testRisky() { }
  /** @dataProvider rows */
  public function testRows(int $n) { $this->assertSame(1, $n % 2); }
  public static function rows() { return [[1], [2]]; }
}
`,
    },
    command: 'phpunit --log-junit $R/junit.xml ShopTest.php',
  },
];
