"""Names of the 80 COCO classes, in the order of a YOLOX model's outputs."""

_NAMES = """person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter,
bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,skis,snowboard,
sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,cup,fork,knife,spoon,bowl,
banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,potted plant,bed,dining table,toilet,tv,
laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,book,clock,vase,scissors,teddy bear,
hair drier,toothbrush"""
CLASSES = tuple(name.strip() for name in _NAMES.split(","))


def class_name(label: int) -> str:
    """``person``; empty where the detector has no word for it."""
    return CLASSES[label] if 0 <= label < len(CLASSES) else ""
