//! What expressions evaluate to.

use super::{check, evaluate, value};

#[test]
fn operators() {
    check(&[
        ("1 + 2 * 3 - 4 / 2 % 3", "5"),
        ("(1 + 2) * 3", "9"),
        ("-3 + --2", "-1"),
        ("!true || !!true", "true"),
        ("7u / 2u", "3"),
        ("-7 / 2", "-3"),
        ("-7 % 3", "-1"),
        ("1.5 + 2.5", "4.0"),
        ("'a' + 'b'", r#""ab""#),
        ("[1] + [2, 3]", "[1,2,3]"),
        ("b'a' + b'b' == b'ab'", "true"),
        ("1 < 2 && 2 <= 2 && 3 > 2 && 3 >= 3", "true"),
        ("1 < 1.5 && 1u < 2 && -1 < 0u && 2.5 > 2u", "true"),
        ("dyn(1) == 1.0 && dyn(1u) == 1", "true"),
        ("dyn(1) == '1'", "false"),
        ("'a' < 'b' && false < true && b'a' < b'b'", "true"),
        ("true ? 'yes' : 'no'", r#""yes""#),
        ("null == null", "true"),
        ("[1, 2] == [1, 2] && {'a': 1} == {'a': 1}", "true"),
        ("{'a': [1]} != {'a': [2]}", "true"),
        ("2 in [1, 2] && !('c' in ['a'])", "true"),
        ("'one' in x && !('two' in x)", "true"),
        ("1 in [dyn(1.0)]", "true"),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("0xff + 0x1", "256"),
        ("1e3", "1000.0"),
        (r"'\u00e9\n' == 'é\n'", "true"),
        (r"r'\n'.size()", "2"),
        ("'''a\"'b'''", r#""a\"'b""#),
        ("// comment\n1", "1"),
        ("[1, 2, 3,]", "[1,2,3]"),
        ("{'a': 1,}", r#"{"a":1}"#),
    ]);
}

#[test]
fn logic_absorbs_errors() {
    check(&[
        ("false && 1 / 0 > 0", "false"),
        ("1 / 0 > 0 && false", "false"),
        ("1 / 0 > 0 || true", "true"),
        ("[1, 0].exists(i, 1 / i > 0)", "true"),
        ("[0, 1].exists(i, 1 / i > 0)", "true"),
        ("![0, 1].all(i, 1 / i > 1)", "true"),
    ]);
}

#[test]
fn fields_keys_and_indices() {
    check(&[
        ("claims.sub", r#""u1""#),
        ("claims['email']", r#""a@example.com""#),
        ("claims.nested.key[2].deep", r#""yes""#),
        ("claims.nested.key[1u] == 2", "true"),
        ("claims.roles", r#"["admin","dev"]"#),
        ("user.groups[0]", r#""system:nodes""#),
        ("user.__namespace__", r#""ns""#),
        ("user.ratio / 4.0", "0.5"),
        ("user.since.getFullYear()", "2024"),
        ("a.b + 1", "8"),
        (".claims.sub", r#""u1""#),
        ("has(claims.sub) && !has(claims.nope) && has(claims.nothing)", "true"),
        ("has(user.username) && !has(user.uid)", "true"),
        ("has(x.one)", "true"),
        ("{'a': 1}.a", "1"),
        ("{1: 'i', 2: 'u'}[2]", r#""u""#),
        ("{'b': 1, 'a': 2}", r#"{"a":2,"b":1}"#),
        ("[10, 20][1]", "20"),
        ("size(claims.roles) + claims.roles.size() + size('héé') + {'a': 1}.size()", "8"),
    ]);
}

#[test]
fn macros() {
    check(&[
        ("[1, 2, 3].all(i, i > 0)", "true"),
        ("[].all(i, i > 0) && ![].exists(i, i > 0)", "true"),
        ("[1, 2, 2].exists_one(i, i == 1) && ![1, 2, 2].existsOne(i, i == 2)", "true"),
        ("[1, 2, 3].map(i, i * i)", "[1,4,9]"),
        ("[1, 2, 3].map(i, i > 1, i * 2)", "[4,6]"),
        ("[1, 2, 3].filter(i, i % 2 == 1)", "[1,3]"),
        ("{'a': 1, 'b': 2}.map(k, k + '!')", r#"["a!","b!"]"#),
        ("user.groups.exists(g, g.startsWith('system:'))", "true"),
        ("[[1, 2], [3]].map(l, l.map(i, i + 1))", "[[2,3],[4]]"),
        ("[1, 2].map(i, [3, 4].map(j, i * j))", "[[3,4],[6,8]]"),
        ("claims.map(k, claims[k] == 'u1', k)", r#"["sub"]"#),
        ("[1, 2].all(i, v, i < v)", "true"),
        ("{'a': 1}.exists(k, v, k == 'a' && v == 1)", "true"),
        ("[4, 5].existsOne(i, v, i == 1 && v == 5)", "true"),
        ("[4, 5].transformList(i, v, i * v)", "[0,5]"),
        ("[4, 5].transformList(i, v, i > 0, v)", "[5]"),
        ("{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v * 10)", r#"{"b":20}"#),
        ("{'a': 'x'}.transformMapEntry(k, v, {v: k})", r#"{"x":"a"}"#),
        ("['a', 'b'].transformMapEntry(i, v, {v: i})", r#"{"a":0,"b":1}"#),
    ]);
}

#[test]
fn optional_values() {
    check(&[
        ("claims.?sub.orValue('none')", r#""u1""#),
        ("claims.?nope.orValue('none')", r#""none""#),
        ("claims.?nope.deeper.orValue('none')", r#""none""#),
        ("claims[?'sub'].hasValue()", "true"),
        ("[1, 2][?5].hasValue()", "false"),
        ("x.?list[?0].orValue(0)", "3"),
        ("optional.of(1).or(optional.of(2)).value()", "1"),
        ("optional.none().or(optional.of(2)).value()", "2"),
        ("optional.ofNonZeroValue('').hasValue()", "false"),
        ("optional.of(3).optMap(v, v + 1).value()", "4"),
        ("optional.none().optMap(v, v).hasValue()", "false"),
        ("optional.of(3).optFlatMap(v, optional.of(v * 2)).value()", "6"),
        ("[?optional.of(1), ?optional.none(), 3]", "[1,3]"),
        ("{?'a': optional.of(1), ?'b': optional.none()}", r#"{"a":1}"#),
        ("[1, 2].first().value() + [1, 2].last().value()", "3"),
        ("[optional.of(1), optional.none()].unwrapOpt()", "[1]"),
        ("optional.unwrap([optional.of(1), optional.none()])", "[1]"),
        ("has(claims.?nested.key)", "true"),
        ("claims.?nope", "null"),
        ("optional.of(1) == optional.of(1)", "true"),
    ]);
}

#[test]
fn conversions() {
    check(&[
        ("int('12') + int(3.9) + int(2u) + int(-1.9)", "16"),
        ("uint('3') == uint(3)", "true"),
        ("double('1.5') + double(2)", "3.5"),
        ("string(1) + string(2u) + string(1.5) + string(true)", r#""121.5true""#),
        ("string(-1.23e4) + ' ' + string(1e6) + ' ' + string(1e-5)", r#""-12300 1e+06 1e-05""#),
        ("string(b'abc')", r#""abc""#),
        ("bytes('é').size()", "2"),
        ("bytes('abc')", r#""YWJj""#),
        ("bool('true') && !bool('0')", "true"),
        ("type(1) == int && type('') == string && type(null) == null_type", "true"),
        ("type([]) == list && type({}) == map && type(type(1)) == type", "true"),
        ("type(timestamp(0)) == google.protobuf.Timestamp", "true"),
        ("int(duration('1s')) + int(timestamp('1970-01-01T00:00:01Z'))", "1000000001"),
        ("string(duration('1h30m')) + string(duration('250ms'))", r#""5400s0.25s""#),
        ("string(timestamp(1))", r#""1970-01-01T00:00:01Z""#),
    ]);
}

#[test]
fn times() {
    check(&[
        ("timestamp('2024-02-29T00:00:00Z') + duration('24h') == timestamp('2024-03-01T00:00:00Z')", "true"),
        ("timestamp('2024-03-01T00:00:00Z') - timestamp('2024-02-29T00:00:00Z') == duration('24h')", "true"),
        ("timestamp('2024-02-29T00:00:00Z') < timestamp('2024-02-29T00:00:00.001Z')", "true"),
        ("timestamp('2023-07-14T10:30:45.123Z').getMonth()", "6"),
        ("timestamp('2023-07-14T10:30:45.123Z').getDayOfMonth()", "13"),
        ("timestamp('2023-07-14T10:30:45.123Z').getDate()", "14"),
        ("timestamp('2023-07-14T10:30:45.123Z').getDayOfWeek()", "5"),
        ("timestamp('2023-01-02T00:00:00Z').getDayOfYear()", "1"),
        ("timestamp('2023-07-14T10:30:45.123Z').getMilliseconds()", "123"),
        ("timestamp('2023-07-14T10:30:45.123Z').getHours('America/Los_Angeles')", "3"),
        ("timestamp('2023-01-01T05:30:00Z').getFullYear('-08:00')", "2022"),
        ("timestamp('2023-01-01T05:30:00Z').getMinutes('02:15')", "45"),
        ("duration('3723s').getHours() + duration('3723s').getMinutes()", "63"),
        ("duration('1m') - duration('1s')", r#""59s""#),
        ("user.since + duration('500ms')", r#""2024-02-29T12:30:46Z""#),
    ]);
}

#[test]
fn strings() {
    check(&[
        ("'hello'.contains('ell') && 'hello'.startsWith('he') && 'hello'.endsWith('lo')", "true"),
        ("'héllo'.charAt(1) + 'abc'.charAt(3)", r#""é""#),
        ("'héllo'.indexOf('l')", "2"),
        ("'héllo'.indexOf('l', 3)", "3"),
        ("'héllo'.indexOf('z') + 'abc'.indexOf('')", "-1"),
        ("'héllo'.lastIndexOf('l')", "3"),
        ("'hello hello'.lastIndexOf('hello', 5)", "0"),
        ("'hello hello'.lastIndexOf('hello', 6)", "6"),
        ("'AbÉ'.lowerAscii() + 'aé'.upperAscii()", r#""abÉAé""#),
        ("'abcabc'.replace('b', 'XX')", r#""aXXcaXXc""#),
        ("'abcabc'.replace('b', 'X', 1)", r#""aXcabc""#),
        ("'ab'.replace('', '-')", r#""-a-b-""#),
        ("'a,b,c'.split(',')", r#"["a","b","c"]"#),
        ("'a,b,c'.split(',', 2)", r#"["a","b,c"]"#),
        ("'a,b'.split(',', 0)", "[]"),
        ("'héy'.split('')", r#"["h","é","y"]"#),
        ("''.split(',')", r#"[""]"#),
        ("'héllo'.substring(1) + 'héllo'.substring(1, 3)", r#""éllohé""#.replace("lohé", "loél").as_str()),
        ("'  a b\\t\\n'.trim()", r#""a b""#),
        ("['a', 'b'].join() + ['a', 'b'].join('-')", r#""aba-b""#),
        ("strings.quote('a\"b\\n')", r#""\"a\\\"b\\n\"""#),
        (
            "'%s has %d, %.2f, %x, %b, %o, %e, %%'.format(['a', 2, 3.14159, 255, 5, 8, 1234.5])",
            r#""a has 2, 3.14, ff, 101, 10, 1.234500 × 10⁰³, %""#,
        ),
        (
            "'%s'.format([[1, 'b', {'k': null}, 1.5, b'x', duration('1s'), int]])",
            r#""[1, \"b\", {\"k\":null}, 1.500000, b\"x\", duration(\"1s\"), type(int)]""#,
        ),
        (
            "'%.2f %.1f %f'.format([1234567.891, -1234.5, double('-Infinity')])",
            r#""1,234,567.89 -1,234.5 -∞""#,
        ),
        ("'%s %s'.format([2.71, timestamp(0)])", r#""2.71 1970-01-01T00:00:00Z""#),
        ("'abc123'.matches('[a-z]+[0-9]+') && !'abc'.matches('^b')", "true"),
        ("matches('abc', 'b')", "true"),
        ("'abc 123 def 456'.find('[0-9]+')", r#""123""#),
        ("'abc'.find('x')", r#""""#),
        ("'abc 123 def 456'.findAll('[0-9]+')", r#"["123","456"]"#),
        ("'123 456'.findAll('[0-9]+', 1)", r#"["123"]"#),
    ]);
}

#[test]
fn lists_and_sets() {
    check(&[
        ("[1, 2, 2].isSorted() && !ints.isSorted() && ['a', 'b'].isSorted()", "true"),
        ("ints.sum() + [1].sum()", "7"),
        ("[duration('1s'), duration('2s')].sum()", r#""3s""#),
        ("ints.max() * 10 + ints.min()", "31"),
        ("['b', 'a'].max()", r#""b""#),
        ("[1, 2, 1].indexOf(1) + [1, 2, 1].lastIndexOf(1) + [1].indexOf(5)", "1"),
        ("sets.contains([1, 2, 3], [1, 3]) && !sets.contains([1], [2])", "true"),
        ("sets.equivalent([1, 2, 2], [2, 1]) && sets.intersects([1, 2], [2, 5])", "true"),
        ("[1, 2, 3, 4].slice(1, 3)", "[2,3]"),
        ("[dyn([dyn(1), dyn([2])]), dyn([3])].flatten()", "[1,[2],3]"),
        ("[dyn([dyn(1), dyn([dyn(2), dyn([3])])])].flatten(2)", "[1,2,[3]]"),
        ("[1, 2, 1, 3, 2].distinct()", "[1,2,3]"),
        ("ints.sort()", "[1,2,3]"),
        ("['ccc', 'a', 'bb'].sortBy(s, s.size())", r#"["a","bb","ccc"]"#),
        ("lists.range(3)", "[0,1,2]"),
        ("[1, 2].reverse()", "[2,1]"),
    ]);
}

#[test]
fn quantities() {
    check(&[
        ("quantity('50Mi').isGreaterThan(quantity('50M'))", "true"),
        ("quantity('200M').compareTo(quantity('0.2G'))", "0"),
        ("quantity('200M') == quantity('0.2G')", "true"),
        ("quantity('50k').add(20).sub(quantity('100k')).sub(-50000).asInteger()", "20"),
        ("sign(quantity('-1')) + sign(quantity('0'))", "-1"),
        ("quantity('1.5').isInteger() || isQuantity('nope')", "false"),
        ("quantity('50.703k').asApproximateFloat()", "50703.0"),
        ("quantity('1Gi')", r#""1Gi""#),
    ]);
}

#[test]
fn addresses_and_networks() {
    check(&[
        ("ip('192.168.0.1').family() == 4 && ip('::1').isLoopback()", "true"),
        ("isIP('10.0.0.1') && !isIP('10.0.0') && !isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0')", "true"),
        ("ip.isCanonical('2001:db8::1') && !ip.isCanonical('2001:DB8::1')", "true"),
        ("ip('0.0.0.0').isUnspecified() && ip('169.254.1.1').isLinkLocalUnicast()", "true"),
        ("ip('224.0.0.1').isLinkLocalMulticast() && ip('ff02::1').isLinkLocalMulticast()", "true"),
        ("ip('8.8.8.8').isGlobalUnicast() && !ip('127.0.0.1').isGlobalUnicast()", "true"),
        (
            "cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))",
            "true",
        ),
        (
            "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR('10.0.0.0/8')",
            "true",
        ),
        ("cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8')", "true"),
        ("cidr('10.1.2.3/8').ip() == ip('10.1.2.3') && cidr('::/0').prefixLength() == 0", "true"),
        ("string(ip('10.0.0.1')) + string(cidr('10.0.0.0/8'))", r#""10.0.0.110.0.0.0/8""#),
        ("isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0/33') && !isCIDR('10.0.0.0/08')", "true"),
    ]);
}

#[test]
fn urls() {
    check(&[
        ("url('https://example.com:80/p?k1=a&k2=b&k2=c').getQuery()", r#"{"k1":["a"],"k2":["b","c"]}"#),
        (
            "url('https://[::1]:80/').getHost() + ' ' + url('https://[::1]:80/').getHostname()",
            r#""[::1]:80 ::1""#,
        ),
        ("url('https://example.com:80/').getPort() + url('/path').getScheme()", r#""80""#),
        ("url('https://example.com/path with spaces/').getEscapedPath()", r#""/path%20with%20spaces/""#),
        (
            "url('https://example.com').getEscapedPath() + url('https://example.com').getScheme()",
            r#""https""#,
        ),
        ("url('https://example.com/?a b=c+d').getQuery()", r#"{"a b":["c d"]}"#),
        ("isURL('https://example.com') && isURL('/path') && !isURL('example') && !isURL('')", "true"),
        ("url('https://a/') == url('https://a/') && url('https://a/') != url('https://b/')", "true"),
    ]);
}

#[test]
fn versions_and_formats() {
    check(&[
        ("semver('1.2.3').major() * 100 + semver('1.2.3').minor() * 10 + semver('1.2.3').patch()", "123"),
        (
            "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0').isGreaterThan(semver('1.0.0-rc.1'))",
            "true",
        ),
        ("semver('1.0.0-alpha.1').compareTo(semver('1.0.0-alpha.beta'))", "-1"),
        ("semver('v1.2', true) == semver('1.2.0') && semver('01.02.03', true) == semver('1.2.3')", "true"),
        ("isSemver('1.2.3') && !isSemver('v1.2.3') && isSemver('v1', true) && !isSemver('1.02.3')", "true"),
        ("semver('1.2.3+a') == semver('1.2.3+b')", "true"),
        ("format.named('dns1123Label').value().validate('a-b').hasValue()", "false"),
        ("format.dns1123Label().validate('A').value().size()", "1"),
        ("!format.named('nope').hasValue() && format.uuid() == format.named('uuid').value()", "true"),
        ("format.byte().validate('x').value()", r#"["invalid base64"]"#),
    ]);
}

#[test]
fn expressions_that_are_written_for_tokens_and_requests() {
    check(&[
        ("claims.email_verified == true", "true"),
        ("'oidc:' + claims.sub", r#""oidc:u1""#),
        ("claims.roles.map(r, 'role:' + r)", r#"["role:admin","role:dev"]"#),
        ("claims.?email_verified.orValue(true) || claims.?email_verified.orValue(true) == false", "true"),
        ("claims.exp - 1699999990 <= 86400", "true"),
        ("has(claims.roles) ? claims.roles : []", r#"["admin","dev"]"#),
        ("!user.username.startsWith('system:serviceaccount:')", "true"),
        ("'system:nodes' in user.groups", "true"),
        ("user.extra['key'][0] == 'v1'", "true"),
        ("type(claims.roles) == list && type(claims.sub) == string", "true"),
    ]);
}

#[test]
fn what_is_of_the_input_comes_back_as_it_is() {
    assert_eq!(evaluate("claims.nested"), Ok(value(r#"{"key":[1,2,{"deep":"yes"}]}"#)));
    assert_eq!(evaluate("claims.nothing"), Ok(value("null")));
}
