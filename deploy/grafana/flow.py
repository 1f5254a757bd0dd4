"""*Dòng sự kiện*: each hop of a record, its rate and its delay, until it is counted; and whether it was "
"counted rightly."""

from deploy.grafana.flow_hops import FOLD, LOG, PROCESSES
from deploy.grafana.flow_right import RIGHT, ROLLUPS
from deploy.grafana.variables import JOB
from deploy.grafana.vocabulary import Dashboard, Words

__all__ = ["FLOW"]

FLOW = Dashboard(
    "tungnha-flow",
    Words("Dòng sự kiện", "Event flow"),
    Words(
        "Từ lúc một dòng được nhận đến khi nó được đếm: nhận, nhật ký, Kafka, gộp. Chặng đầu tiên bất thường "
        "là chỗ tắc.",
        "From a row's receipt until it is counted: received, log, Kafka, fold. The first hop that looks "
        "wrong is where it stops.",
    ),
    (PROCESSES, LOG, FOLD, RIGHT, ROLLUPS),
    (JOB,),
)
