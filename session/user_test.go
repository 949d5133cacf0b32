package session

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/sys/user"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	passwd = `root:x:0:0:root:/root:/bin/bash
app:x:1000:1001:The app,,,:/srv/app:/usr/sbin/nologin
twin:x:1000:1001::/srv/twin:/bin/sh
homeless:x:1002:1002:::
#comment:x:1003:1003::/:
broken:x:one:1004::/:
worse:x:1005
4711:x:1006:1006::/srv/number:
+nis::::::
`
	group = `root:x:0:
app:x:1001:
audio:x:29:app,other
video:x:44:other,app,twin
www:x:33:twin
odd:x:what:app
`
)

func TestLookupUser(t *testing.T) {
	app := User{Name: "app", UID: 1000, GID: 1001, Groups: []int{29, 44}, Home: "/srv/app"}
	for spec, want := range map[string]User{
		"app":         app,
		"1000":        app,
		"app:":        app,
		"twin":        {Name: "twin", UID: 1000, GID: 1001, Groups: []int{44, 33}, Home: "/srv/twin"},
		"app:www":     {Name: "app", UID: 1000, GID: 33, Groups: []int{}, Home: "/srv/app"},
		"app:33":      {Name: "app", UID: 1000, GID: 33, Groups: []int{}, Home: "/srv/app"},
		"1000:1234":   {Name: "app", UID: 1000, GID: 1234, Groups: []int{}, Home: "/srv/app"},
		"1234:5678":   {UID: 1234, GID: 5678, Groups: []int{}, Home: "/"},
		"1234:www":    {UID: 1234, GID: 33, Groups: []int{}, Home: "/"},
		"1234":        {UID: 1234, GID: 101, Groups: []int{}, Home: "/"},
		"4711":        {UID: 4711, GID: 101, Groups: []int{}, Home: "/"},
		"0":           {Name: "root", UID: 0, GID: 0, Groups: []int{}, Home: "/root"},
		":www":        {UID: 100, GID: 33, Groups: []int{}, Home: "/"},
		"homeless":    {Name: "homeless", UID: 1002, GID: 1002, Groups: []int{}, Home: "/"},
		"2147483647:": {UID: 1<<31 - 1, GID: 101, Groups: []int{}, Home: "/"},
	} {
		got, err := lookupUser(spec, []byte(passwd), []byte(group), 100, 101)
		if assert.NoError(t, err, spec) {
			assert.Equal(t, want, *got, spec)
		}
	}
	for spec, want := range map[string]string{
		"":             `"" is no user`,
		":":            `":" is no user`,
		"app:www:x":    `"app:www:x" is no user`,
		"nobody":       `no user "nobody" in /etc/passwd`,
		"app:nogroup":  `no group "nogroup" in /etc/group`,
		"1:nogroup":    `no group "nogroup" in /etc/group`,
		"broken":       `no user "broken" in /etc/passwd`, // and not root
		"worse":        `no user "worse" in /etc/passwd`,
		"comment":      `no user "comment" in /etc/passwd`,
		"#comment":     `no user "#comment" in /etc/passwd`,
		"+nis":         `no user "+nis" in /etc/passwd`,
		"app:odd":      `no group "odd" in /etc/group`,
		"-1":           `"-1": `,
		"2147483648":   `"2147483648": `,
		"1:4294967296": `"1:4294967296": `,
		" ":            `no user " " in /etc/passwd`,
	} {
		got, err := lookupUser(spec, []byte(passwd), []byte(group), 100, 101)
		assert.Nil(t, got, spec)
		assert.ErrorContains(t, err, want)
	}
	t.Run("without the files", func(t *testing.T) {
		got, err := lookupUser("1000:33", nil, nil, 0, 0)
		require.NoError(t, err)
		assert.Equal(t, &User{UID: 1000, GID: 33, Groups: []int{}, Home: "/"}, got)
		_, err = lookupUser("root", nil, nil, 0, 0)
		assert.Error(t, err)
	})
	t.Run("of this machine", func(t *testing.T) {
		got, err := LookupUser("root")
		require.NoError(t, err)
		assert.Zero(t, got.UID)
	})
}

func TestReadDatabase(t *testing.T) {
	text, err := readDatabase("/no/such")
	assert.NoError(t, err)
	assert.Empty(t, text)
	_, err = readDatabase("/dev/zero")
	assert.ErrorContains(t, err, "/dev/zero is no regular file")
	text, err = readDatabase("/etc/passwd")
	assert.NoError(t, err)
	assert.NotEmpty(t, text)
}

func TestUserEnviron(t *testing.T) {
	env := []string{"HOME=/root", "A=b", "USER=root", "SHELL=/bin/zsh", "LOGNAME=root", "HOME=/again", "HOMES=c"}
	assert.Equal(t, []string{"A=b", "SHELL=/bin/zsh", "HOMES=c", "HOME=/srv", "USER=app", "LOGNAME=app"},
		(&User{Name: "app", UID: 1, Home: "/srv"}).Environ(env))
	assert.Equal(t, []string{"A=b", "SHELL=/bin/zsh", "HOMES=c", "HOME=/"}, (&User{UID: 1, Home: "/"}).Environ(env))
	assert.Equal(t, "HOME=/root", env[0], "the caller's is as it was")
}

func TestIsID(t *testing.T) {
	for id, want := range map[int64]bool{-1: false, 0: true, 1<<31 - 1: true, 1<<32 - 2: true, 1<<32 - 1: false, 1 << 32: false, 1<<33 + 1: false} {
		if int64(int(id)) == id {
			assert.Equal(t, want, isID(int(id)), id)
		}
	}
}

// Who already is that user, and not root, may stay so.
func TestBecomeOneself(t *testing.T) {
	if os.Getuid() == 0 {
		got := stateOf(t, Command{User: &User{UID: 0, GID: 0, Groups: []int{4711}}})
		assert.Equal(t, "4711", got["Groups"], "root's groups change")
		return
	}
	plain := stateOf(t, Command{})
	assert.Equal(t, plain["Groups"], stateOf(t, Command{User: &User{UID: os.Getuid(), GID: os.Getgid(), Groups: []int{4711}}})["Groups"])
}

// byEngines is what Docker and others find, in databases without the lines that are no entries.
func byEngines(spec, passwd, group string, uid, gid int) (*user.ExecUser, error) {
	clean := func(database string, numbers ...int) io.Reader {
		var lines []string
		for entry := range entries([]byte(database), numbers...) {
			lines = append(lines, strings.Join(entry, ":"))
		}
		return strings.NewReader(strings.Join(lines, "\n"))
	}
	return user.GetExecUser(spec, &user.ExecUser{Uid: uid, Gid: gid, Home: "/"}, clean(passwd, 2, 3), clean(group, 2))
}

func FuzzLookupUser(f *testing.F) {
	for _, spec := range []string{"app", "app:www", "1000", "1000:33", ":www", "", ":", "a:b:c", "-1", "99999999999999999999", "+5"} {
		f.Add(spec, passwd, group)
	}
	f.Add("x", "x:y:z", "x")
	f.Fuzz(func(t *testing.T, spec, passwd, group string) {
		u, err := lookupUser(spec, []byte(passwd), []byte(group), 100, 101)
		engines, enginesErr := byEngines(spec, passwd, group, 100, 101)
		if err != nil {
			require.Nil(t, u)
			require.NotEmpty(t, err.Error())
			if !strings.Contains(err.Error(), "is no user, nor") {
				require.Error(t, enginesErr)
			}
			return
		}
		if !errors.Is(enginesErr, bufio.ErrTooLong) {
			require.NoError(t, enginesErr)
			engines.Home = cmp.Or(engines.Home, "/")
			require.Equal(t, engines, &user.ExecUser{Uid: u.UID, Gid: u.GID, Sgids: u.Groups, Home: u.Home})
		}
		require.True(t, isID(u.UID) && isID(u.GID), "%+v", u)
		name, _, _ := strings.Cut(spec, ":")
		if n, err := strconv.Atoi(name); err == nil {
			require.Equal(t, n, u.UID)
		} else if name != "" && u.UID == 0 {
			require.Contains(t, passwd, ":0", "somebody is root who is not said to be")
		}
		again, err := parseUser(u.format())
		require.NoError(t, err)
		again.Home = u.Home
		if len(u.Groups) == 0 {
			again.Groups = u.Groups
		}
		require.Equal(t, u, again)
	})
}
