mod crowd;
mod head;
mod pace;
mod scan;
