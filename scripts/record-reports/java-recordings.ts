import type { Recording } from './recording.ts';

const packages = { maven: 'maven-surefire-plugin, maven-failsafe-plugin 3.5.4; junit-jupiter 5.11.4' };
const version = 'mvn --version | head -1 | cut -d" " -f 1-3 && echo surefire 3.5.4, JUnit 5.11.4';
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>org.example</groupId>
  <artifactId>shop</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.source>17</maven.compiler.source>
    <maven.compiler.target>17</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>
    <dependency>
      <groupId>org.junit.jupiter</groupId>
      <artifactId>junit-jupiter</artifactId>
      <version>5.11.4</version>
      <scope>test</scope>
    </dependency>
  </dependencies>
  <build>
    <plugins>
      <plugin>
        <artifactId>maven-surefire-plugin</artifactId>
        <version>3.5.4</version>
        <configuration><rerunFailingTestsCount>1</rerunFailingTestsCount></configuration>
      </plugin>
      <plugin>
        <artifactId>maven-failsafe-plugin</artifactId>
        <version>3.5.4</version>
        <executions><execution><goals><goal>integration-test</goal><goal>verify</goal></goals></execution></executions>
      </plugin>
    </plugins>
  </build>
</project>
`;
const shop = (name: string) => `package shop;
import static org.junit.jupiter.api.Assertions.*;
import org.junit.jupiter.api.*;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
class ${name} {
  static int runs;
  @Test void adds() {}
  @Test void pays() { assertEquals(1, 2, "no cart"); }
  @Test void stores() { throw new IllegalStateException("no database"); }
  @Test @Disabled("no polaris") void skipped() {}
  @Test void flaky() { assertEquals(2, ++runs); }
  @ParameterizedTest @ValueSource(ints = {1, 2}) void rows(int n) { assertEquals(1, n % 2); }
}
`;
const failsafeShop = `package shop;
import static org.junit.jupiter.api.Assertions.*;
import org.junit.jupiter.api.*;
class ShopIT {
  @Test void adds() {}
  @Test void pays() { assertEquals(1, 2, "no cart"); }
}
`;

export const javaRecordings: Recording[] = [
  {
    id: 'surefire',
    tool: 'Maven surefire',
    version,
    packages,
    files: { 'pom.xml': pom, 'src/test/java/shop/ShopTest.java': shop('ShopTest') },
    command: 'mvn -B -q test; code=$?; cp target/surefire-reports/*.xml $R/; exit $code',
  },
  {
    id: 'surefire-build-failure',
    tool: 'Maven surefire',
    version,
    packages,
    files: {
      'pom.xml': pom,
      'src/test/java/shop/ShopTest.java': 'package shop;\nclass ShopTest { Missing missing; }\n',
    },
    command: 'mvn -B -q test',
  },
  {
    id: 'failsafe',
    tool: 'Maven failsafe',
    version,
    packages,
    files: { 'pom.xml': pom, 'src/test/java/shop/ShopIT.java': failsafeShop },
    command: 'mvn -B -q verify; code=$?; cp target/failsafe-reports/*.xml $R/; exit $code',
  },
  {
    id: 'failsafe-summary-alone',
    tool: 'Maven failsafe',
    version,
    packages,
    files: { 'pom.xml': pom, 'src/test/java/shop/ShopIT.java': failsafeShop },
    command: 'mvn -B -q verify; code=$?; cp target/failsafe-reports/failsafe-summary.xml $R/; exit $code',
  },
  {
    id: 'gradle',
    tool: 'Gradle',
    version: "gradle --version | grep '^Gradle'",
    packages: { debian: ['gradle'] },
    files: {
      'settings.gradle': "rootProject.name = 'shop'\n",
      'build.gradle':
        "apply plugin: 'java'\nrepositories { mavenCentral() }\ndependencies { testCompile 'junit:junit:4.13.2' }\n",
      'src/test/java/shop/ShopTest.java': `package shop;
import static org.junit.Assert.*;
import org.junit.*;
public class ShopTest {
  @Test public void adds() {}
  @Test public void pays() { assertEquals("no cart", 1, 2); }
  @Test public void stores() { throw new IllegalStateException("no database"); }
  @Test @Ignore("no polaris") public void skipped() {}
}
`,
    },
    command: 'gradle --no-daemon test; code=$?; cp build/test-results/test/*.xml $R/; exit $code',
  },
];
