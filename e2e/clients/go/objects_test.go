package clients

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
)

func eachItem(list runtime.Object, visit func()) error {
	return meta.EachListItem(list, func(runtime.Object) error { visit(); return nil })
}

// deployment is an apply configuration; zero replicas leave them to others.
func deployment(namespace, image string, replicas int32) *appsapply.DeploymentApplyConfiguration {
	spec := appsapply.DeploymentSpec().
		WithSelector(metaapply.LabelSelector().WithMatchLabels(map[string]string{"app": "web"})).
		WithTemplate(coreapply.PodTemplateSpec().
			WithLabels(map[string]string{"app": "web"}).
			WithSpec(coreapply.PodSpec().WithContainers(
				coreapply.Container().WithName("web").WithImage(image).
					WithPorts(coreapply.ContainerPort().WithContainerPort(8080)))))
	if replicas > 0 {
		spec = spec.WithReplicas(replicas)
	}
	return appsapply.Deployment("web", namespace).WithLabels(map[string]string{"app": "web"}).WithSpec(spec)
}

func TestTypedApply(t *testing.T) {
	for name, form := range map[string]func() *kubernetes.Clientset{
		"json": func() *kubernetes.Clientset { return clientset(t) },
		"protobuf answers": func() *kubernetes.Clientset {
			client, err := kubernetes.NewForConfig(protobuf(config(t)))
			must(t, err)
			return client
		},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := namespace(t)
			deployments := form().AppsV1().Deployments(namespace)
			options := metav1.ApplyOptions{FieldManager: "one"}
			made, err := deployments.Apply(within(t), deployment(namespace, "web:1", 2), options)
			must(t, err)
			equal(t, "replicas", *made.Spec.Replicas, 2)

			again, err := deployments.Apply(within(t), deployment(namespace, "web:1", 2), options)
			must(t, err)
			equal(t, "version after nothing changed", again.ResourceVersion, made.ResourceVersion)

			other := metav1.ApplyOptions{FieldManager: "other"}
			_, err = deployments.Apply(within(t), deployment(namespace, "web:2", 0), other)
			if !apierrors.IsConflict(err) {
				t.Fatalf("a field of another manager: %v", err)
			}
			other.Force = true
			forced, err := deployments.Apply(within(t), deployment(namespace, "web:2", 0), other)
			must(t, err)
			equal(t, "image", forced.Spec.Template.Spec.Containers[0].Image, "web:2")
			equal(t, "replicas of the first manager", *forced.Spec.Replicas, 2)

			extracted, err := appsapply.ExtractDeployment(forced, "one")
			must(t, err)
			equal(t, "extracted replicas", *extracted.Spec.Replicas, 2)
			if containers := extracted.Spec.Template.Spec.Containers; len(containers) > 0 && containers[0].Image != nil {
				t.Fatalf("the image is no longer of the first manager: %v", *containers[0].Image)
			}
			// What the only owner leaves out goes, and gets its default.
			extracted.Spec.Replicas = nil
			left, err := deployments.Apply(within(t), extracted, options)
			must(t, err)
			if replicas := left.Spec.Replicas; replicas == nil || *replicas != 1 {
				t.Fatalf("replicas that nobody wants: %v", replicas)
			}

			status := appsapply.Deployment("web", namespace).
				WithStatus(appsapply.DeploymentStatus().WithReplicas(3))
			stated, err := deployments.ApplyStatus(within(t), status, metav1.ApplyOptions{FieldManager: "controller"})
			must(t, err)
			equal(t, "status", stated.Status.Replicas, 3)
			equal(t, "generation", stated.Generation, left.Generation)
		})
	}
}

func TestPatchTypes(t *testing.T) {
	namespace := namespace(t)
	deployments := clientset(t).AppsV1().Deployments(namespace)
	_, err := deployments.Apply(within(t), deployment(namespace, "web:1", 1), metav1.ApplyOptions{FieldManager: "one"})
	must(t, err)
	check := func(kind types.PatchType, patch string, images ...string) {
		t.Helper()
		patched, err := deployments.Patch(within(t), "web", kind, []byte(patch), metav1.PatchOptions{})
		must(t, err)
		containers := patched.Spec.Template.Spec.Containers
		equal(t, "containers after "+patch, len(containers), len(images))
		for i, image := range images {
			equal(t, "image after "+patch, containers[i].Image, image)
		}
	}
	side := `{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"side:1"}]}}}}`
	check(types.StrategicMergePatchType, side, "side:1", "web:1")
	remove := `{"spec":{"template":{"spec":{"containers":[{"name":"side","$patch":"delete"}]}}}}`
	check(types.StrategicMergePatchType, remove, "web:1")
	replace := `[{"op":"test","path":"/spec/template/spec/containers/0/image","value":"web:1"},
		{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"web:2"}]`
	check(types.JSONPatchType, replace, "web:2")
	check(types.MergePatchType, side, "side:1")
	_, err = deployments.Patch(within(t), "web", types.JSONPatchType, []byte(replace), metav1.PatchOptions{})
	if !apierrors.IsInvalid(err) {
		t.Fatalf("a test that fails: %v", err)
	}
	dry, err := deployments.Patch(within(t), "web", types.MergePatchType, []byte(`{"spec":{"replicas":7}}`),
		metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
	must(t, err)
	equal(t, "replicas of a dry run", *dry.Spec.Replicas, 7)
	scale, err := deployments.GetScale(within(t), "web", metav1.GetOptions{})
	must(t, err)
	equal(t, "replicas after it", scale.Spec.Replicas, 1)
	scale.Spec.Replicas = 4
	_, err = deployments.UpdateScale(within(t), "web", scale, metav1.UpdateOptions{})
	must(t, err)
	object, err := deployments.Get(within(t), "web", metav1.GetOptions{})
	must(t, err)
	equal(t, "replicas by the scale", *object.Spec.Replicas, 4)
}

func TestConflictsAreRetried(t *testing.T) {
	namespace, client := namespace(t), clientset(t)
	maps := client.CoreV1().ConfigMaps(namespace)
	stale, err := maps.Create(within(t), configMap("shared", nil), metav1.CreateOptions{})
	must(t, err)
	_, err = maps.Create(within(t), configMap("shared", nil), metav1.CreateOptions{})
	if !apierrors.IsAlreadyExists(err) {
		t.Fatalf("a name that is taken: %v", err)
	}
	_, err = maps.Patch(within(t), "shared", types.MergePatchType, []byte(`{"data":{"a":"1"}}`), metav1.PatchOptions{})
	must(t, err)
	tries := 0
	must(t, retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if tries++; tries > 1 {
			if stale, err = maps.Get(within(t), "shared", metav1.GetOptions{}); err != nil {
				return err
			}
		}
		stale.Data["b"] = "2"
		stale, err = maps.Update(within(t), stale, metav1.UpdateOptions{})
		return err
	}))
	equal(t, "tries", tries, 2)
	equal(t, "data of both", stale.Data["a"]+stale.Data["b"], "12")

	// A finalizer holds the object until it is taken off.
	_, err = maps.Patch(within(t), "shared", types.MergePatchType,
		[]byte(`{"metadata":{"finalizers":["example.com/hold"]}}`), metav1.PatchOptions{})
	must(t, err)
	must(t, maps.Delete(within(t), "shared", metav1.DeleteOptions{}))
	held, err := maps.Get(within(t), "shared", metav1.GetOptions{})
	must(t, err)
	equal(t, "held", held.DeletionTimestamp != nil, true)
	held.Finalizers = nil
	_, err = maps.Update(within(t), held, metav1.UpdateOptions{})
	must(t, err)
	_, err = maps.Get(within(t), "shared", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		t.Fatalf("after the last finalizer: %v", err)
	}
}

func TestPodsAreBoundAndReportStatus(t *testing.T) {
	namespace, client := namespace(t), clientset(t)
	_, err := client.CoreV1().ServiceAccounts(namespace).Create(within(t),
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	pods := client.CoreV1().Pods(namespace)
	_, err = pods.Create(within(t), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "c:1"}}},
	}, metav1.CreateOptions{})
	must(t, err)
	must(t, pods.Bind(within(t), &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: "p"},
		Target:     corev1.ObjectReference{Kind: "Node", Name: "node-1"},
	}, metav1.CreateOptions{}))
	list, err := client.CoreV1().Pods("").List(within(t), metav1.ListOptions{
		FieldSelector: "spec.nodeName=node-1,metadata.namespace=" + namespace,
	})
	must(t, err)
	equal(t, "pods of the node", len(list.Items), 1)
	pod := &list.Items[0]
	pod.Status.Phase = corev1.PodRunning
	pod, err = pods.UpdateStatus(within(t), pod, metav1.UpdateOptions{})
	must(t, err)
	equal(t, "phase", pod.Status.Phase, corev1.PodRunning)
	zero := int64(0)
	must(t, pods.Delete(within(t), "p", metav1.DeleteOptions{GracePeriodSeconds: &zero}))
}
