//! HorizontalPodAutoscalers.

use crate::world::{World, condition, deployment, same};

/// Without a server of metrics an autoscaler says so, and still keeps the number of pods within its bounds.
pub(crate) fn an_autoscaler_keeps_its_bounds(world: &World) {
    let space = "autoscaler";
    world.namespace(space);
    world.create(space, &deployment("web", 1));
    world.run(space, "rollout status deployment/web --timeout=120s");
    world.run(space, "autoscale deployment web --min=3 --max=8 --cpu=50%");
    let path = format!("/apis/autoscaling/v2/namespaces/{space}/horizontalpodautoscalers/web");
    let pods = |count: usize| {
        world.until(&format!("{count} pods"), || same("pods", world.pods(space, "app=web")?.len(), count));
    };
    pods(3);
    world.until("the autoscaler says what it lacks", || {
        let autoscaler = world.get(&path)?;
        same("AbleToScale", condition(&autoscaler, "AbleToScale").split('/').next(), Some("True"))?;
        same(
            "ScalingActive",
            condition(&autoscaler, "ScalingActive").as_str(),
            "False/FailedGetResourceMetric",
        )
    });
    let shown = world.run(space, "get hpa web");
    assert!(shown.contains("<unknown>/50%"), "{shown}");
    world.run(space, "patch hpa web --patch={\"spec\":{\"minReplicas\":5}}");
    pods(5);
    world.run(space, "scale deployment web --replicas=20");
    pods(8);
}
