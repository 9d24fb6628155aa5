package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// failure is a request that failed.
type failure struct {
	UnixMs   int64  `json:"unix_ms"`
	TookMs   int64  `json:"took_ms"`
	Verb     string `json:"verb"`
	Resource string `json:"resource"`
	Client   int    `json:"client"`
	Error    string `json:"error"`
}

type connections struct {
	Made   int `json:"made"`
	Failed int `json:"failed"`
}

// verbCounts are the requests of one verb; times are in milliseconds.
type verbCounts struct {
	Sent   int     `json:"sent"`
	Failed int     `json:"failed"`
	P50    float64 `json:"p50_ms"`
	P99    float64 `json:"p99_ms"`
	P999   float64 `json:"p999_ms"`
	Max    float64 `json:"max_ms"`
}

// report is what the command prints in the end.
type report struct {
	Event     string `json:"event"`
	Run       string `json:"run"`
	StartedMs int64  `json:"started_unix_ms"`
	EndedMs   int64  `json:"ended_unix_ms"`
	Rate      int    `json:"rate"`
	// Requests that were given up because the worker was late, and never sent.
	Skipped   int                   `json:"skipped"`
	Sent      int                   `json:"sent"`
	Succeeded int                   `json:"succeeded"`
	Failed    int                   `json:"failed"`
	Verbs     map[string]verbCounts `json:"verbs"`
	// The longest time in which no request of any worker succeeded, and when it began.
	StallMs     int64          `json:"stall_ms"`
	StallUnixMs int64          `json:"stall_unix_ms"`
	Retries     map[string]int `json:"retries"`
	Connections connections    `json:"connections"`
	Errors      map[string]int `json:"errors"`
	// The first of them.
	Failures []failure `json:"failures"`
	Ledger   struct {
		Acknowledged int `json:"acknowledged"`
		// Writes that failed: they may have been done or not.
		Uncertain int `json:"uncertain"`
		// Acknowledged writes that are not stored.
		Lost     int      `json:"lost"`
		LostList []string `json:"lost_list"`
		// Reads that showed another state than the one acknowledged last.
		Reads []string `json:"reads"`
		// Acknowledged writes whose events did not come.
		Missed  int      `json:"missed"`
		Watches []string `json:"watches"`
	} `json:"ledger"`
	Watches struct {
		Informers      int `json:"informers"`
		InformerErrors int `json:"informer_errors"`
		Relists        int `json:"relists"`
		Trackers       int `json:"trackers"`
		Reopened       int `json:"reopened"`
		OpenFailed     int `json:"open_failed"`
		HistoryLost    int `json:"history_lost"`
		Events         int `json:"events"`
	} `json:"watches"`
	// Checks that could not be made.
	Problems []string `json:"problems"`
}

const failuresListed = 2000

// names are what makes errors of one cause differ.
var names = regexp.MustCompile(`load-[0-9a-f]+-\d+|w\d+-\d{6}|127\.0\.0\.1:\d+->|keelson-worker%3D\d+|resourceVersion=\d+|streamID=\d+|LastStreamID=\d+`)

func newReport(o options, workers []*worker, started, ended time.Time) *report {
	r := &report{
		Event: "report", Rate: o.rate, StartedMs: started.UnixMilli(), EndedMs: ended.UnixMilli(),
		Verbs: map[string]verbCounts{}, Errors: map[string]int{}, Failures: []failure{},
	}
	byVerb := map[string][]sample{}
	var successes []time.Time
	for _, w := range workers {
		r.Skipped += w.skipped
		for _, s := range w.samples {
			byVerb[s.verb] = append(byVerb[s.verb], s)
			if !s.failed {
				successes = append(successes, s.at.Add(s.took))
			}
		}
		r.Failures = append(r.Failures, w.failures...)
		r.Ledger.Reads = append(r.Ledger.Reads, w.violations...)
		for _, e := range w.entries {
			r.Ledger.Acknowledged += len(e.versions)
			if e.deleted {
				r.Ledger.Acknowledged++
			}
			if e.uncertain != "" {
				r.Ledger.Uncertain++
			}
		}
	}
	for verb, samples := range byVerb {
		r.Verbs[verb] = count(samples)
		r.Sent += r.Verbs[verb].Sent
		r.Failed += r.Verbs[verb].Failed
	}
	r.Succeeded = r.Sent - r.Failed
	for _, f := range r.Failures {
		r.Errors[f.Verb+": "+names.ReplaceAllString(f.Error, "…")]++
	}
	slices.SortFunc(r.Failures, func(a, b failure) int { return int(a.UnixMs - b.UnixMs) })
	r.Failures = r.Failures[:min(len(r.Failures), failuresListed)]
	slices.SortFunc(successes, time.Time.Compare)
	last := started
	for _, at := range append(successes, ended) {
		if stall := at.Sub(last).Milliseconds(); stall > r.StallMs {
			r.StallMs, r.StallUnixMs = stall, last.UnixMilli()
		}
		last = at
	}
	return r
}

func count(samples []sample) verbCounts {
	counts := verbCounts{Sent: len(samples)}
	took := make([]time.Duration, len(samples))
	for i, s := range samples {
		took[i] = s.took
		if s.failed {
			counts.Failed++
		}
	}
	slices.Sort(took)
	at := func(share float64) float64 {
		return float64(took[min(int(share*float64(len(took))), len(took)-1)].Microseconds()) / 1000
	}
	counts.P50, counts.P99, counts.P999, counts.Max = at(0.5), at(0.99), at(0.999), at(1)
	return counts
}

// checkStored compares what is stored with what was acknowledged: through the balancer, and through each server.
func checkStored(ctx context.Context, o options, client kubernetes.Interface, workers []*worker, namespaces []string, r *report) {
	clients := map[string]kubernetes.Interface{"": client}
	addresses, err := hosts(o.servers)
	if err != nil {
		r.Problems = append(r.Problems, err.Error())
	}
	for _, address := range addresses {
		one, err := newClient(o.kubeconfig, address, true, &clientCounts{})
		if err != nil {
			r.Problems = append(r.Problems, err.Error())
			continue
		}
		clients[address] = one
	}
	for address, client := range clients {
		stored := map[string]map[string]metav1.Object{}
		for i := range kinds {
			kind := &kinds[i]
			stored[kind.name] = map[string]metav1.Object{}
			for _, namespace := range namespaces {
				var page list
				var err error
				until(ctx, func() bool {
					page, err = kind.list(ctx, client, namespace, metav1.ListOptions{LabelSelector: loadLabel})
					return err == nil
				})
				if err != nil {
					r.Problems = append(r.Problems, fmt.Sprintf("%s can't be listed at the end: %v", kind.name, err))
					return
				}
				for _, item := range page.items {
					stored[kind.name][namespace+"/"+item.GetName()] = item
				}
			}
		}
		for _, w := range workers {
			for _, e := range w.entries {
				if problem := e.compare(stored[e.kind.name][e.namespace+"/"+e.name]); problem != "" {
					r.Ledger.Lost++
					if len(r.Ledger.LostList) < 100 {
						r.Ledger.LostList = append(r.Ledger.LostList, fmt.Sprintf("%s %s %s", address, e, problem))
					}
				}
			}
		}
	}
}

// compare says how what is stored contradicts what was acknowledged.
func (e *entry) compare(stored metav1.Object) string {
	exists := stored != nil
	switch {
	case e.uncertain == "create":
		return ""
	case e.uncertain == "delete" && (!exists || stored.GetDeletionTimestamp() != nil):
		return ""
	case e.deleted && exists:
		return "is back after it was deleted"
	case e.deleted:
		return ""
	case !exists:
		return "is missing"
	}
	acknowledged := e.versions[len(e.versions)-1]
	now := version(stored)
	if now == acknowledged && stored.GetAnnotations()[valueAnnotation] == e.object.GetAnnotations()[valueAnnotation] {
		return ""
	}
	// The write whose answer was lost may be the last one, and no other.
	isNext := now > acknowledged && stored.GetAnnotations()[valueAnnotation] == fmt.Sprint(len(e.versions))
	if (e.uncertain == "update" || e.uncertain == "patch") && isNext {
		return ""
	}
	return fmt.Sprintf("is at version %d, acknowledged was %d", now, acknowledged)
}
