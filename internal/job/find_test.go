package job

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func some() []Job {
	began := time.Unix(1000, 0)
	return []Job{
		{Number: 1, Record: Record{Name: "old", State: Ended, Started: began}},
		{Number: 2, Record: Record{Name: "web", State: Running, Started: began.Add(time.Second)}},
		{Number: 4, Record: Record{Name: "db", State: Pausing, Started: began.Add(2 * time.Second)}},
		{Number: 12, Record: Record{Name: "late", State: Ended, Started: began.Add(time.Hour)}},
	}
}

// Jobs that run come first, as in a shell, where there are no others.
func TestCurrent(t *testing.T) {
	var names []string
	for _, j := range Current(some()) {
		names = append(names, j.Name)
	}
	assert.Equal(t, []string{"db", "web", "late", "old"}, names)
	assert.Empty(t, Current(nil))
}

func TestFind(t *testing.T) {
	for word, want := range map[string]int{
		"%1": 1, "1": 1, "12": 12, "%12": 12, "%": 4, "%%": 4, "%+": 4, "%-": 2, "web": 2, "%web": 2, "late": 12, "04": 4,
	} {
		j, err := Find(some(), word)
		assert.NoError(t, err, word)
		assert.Equal(t, want, j.Number, word)
	}
	for word, want := range map[string]string{
		"3": "there is no job 3", "%3": "there is no job 3", "0": "there is no job 0", "we": `there is no job "we"`,
		"": `there is no job ""`, "+": `there is no job "+"`, "-": `there is no job "-"`, "-1": `there is no job "-1"`, "%%%": `there is no job "%%"`,
		"99999999999999999999": `there is no job "99999999999999999999"`,
	} {
		_, err := Find(some(), word)
		assert.EqualError(t, err, want, word)
	}
	for word, want := range map[string]string{"%%": "there are no jobs", "%": "there are no jobs", "%-": "there is no job before the current one"} {
		_, err := Find(nil, word)
		assert.EqualError(t, err, want, word)
	}
	_, err := Find(some()[:1], "%-")
	assert.EqualError(t, err, "there is no job before the current one")
}
